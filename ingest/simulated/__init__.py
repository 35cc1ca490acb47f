"""Simulated users whose taste is known."""
