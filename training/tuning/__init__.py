"""The search for a model's parameters."""
