"""Versions: their folders, their publication, and which one is served."""
