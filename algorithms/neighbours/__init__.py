"""Which items are nearest to an item by their factors, in catalogues of any size."""
