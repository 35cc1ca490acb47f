"""From Redis to the answer."""
