"""Starts, records, finds and stops the processes of a run."""
