"""`headwater demo --once`: replays a source, serves a model, tells one user's story."""
