"""How long arrays of items are cut, so that no field of a Redis hash grows without a bound."""

ITEMS_PER_PART = 65_536
