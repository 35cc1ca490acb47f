"""Measures how good a model's lists are on later interactions, beside those of its rivals."""
