"""What an experiment is, who is in which arm, how its record changes, and what its report says."""
