"""The cost of a start, and of a running stack while nothing happens."""
