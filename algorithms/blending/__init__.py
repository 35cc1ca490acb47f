"""The blend of signals: how it scores items, how its weights are chosen, and how it is stored and read."""
