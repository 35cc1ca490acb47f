"""The blend of signals: what it scores, how its weights are chosen, and how it is stored and read."""
