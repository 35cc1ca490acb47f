"""The checks that a request passes before its route: slots, rates, origins, keys, bounds of its body."""
