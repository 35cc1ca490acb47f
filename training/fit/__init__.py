"""The two ALS problems, fitted in full or from a served model."""
