"""Cuts long arrays of items into parts, so that no field of a Redis hash grows without bound."""

ITEMS_PER_PART = 65_536
