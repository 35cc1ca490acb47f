"""Simulated users whose tastes are known."""
