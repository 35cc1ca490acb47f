"""`headwater demo --once`: a source replayed, a model served, one user's story."""
