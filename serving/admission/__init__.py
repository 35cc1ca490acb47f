"""What a request passes before its route: slots, rates, origins, keys, and its body within bounds."""
