"""What the units of an experiment saw and did: rows of the lake, and counts by unit."""
