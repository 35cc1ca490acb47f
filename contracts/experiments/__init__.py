"""What an experiment is, who is in which arm, and how its record changes."""
