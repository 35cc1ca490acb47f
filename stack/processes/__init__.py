"""Processes of a run: started, recorded, found again and stopped."""
