"""`headwater backup` and `headwater restore`: what no rebuild brings back, in one file."""
