"""Fresh lists: users folded in to the served model from their whole histories."""
