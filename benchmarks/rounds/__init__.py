"""Training rounds and their parts, each beside a peer."""
