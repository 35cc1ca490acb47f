"""Signals: ways to score items for a user. One module for each, and the histories that they read."""
