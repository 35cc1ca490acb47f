"""`headwater backup` and `headwater restore`: one file with what `headwater rebuild` cannot bring back."""
