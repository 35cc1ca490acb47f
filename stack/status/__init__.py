"""The status of a run: counts, lag, model, addresses."""
