"""What the users or sessions of an experiment saw and did: rows of the lake, and counts by unit."""
