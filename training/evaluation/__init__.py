"""How good a model's lists are on what came later, beside its rivals."""
