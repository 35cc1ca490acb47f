"""Training rounds and their parts, each compared with a peer."""
