"""Benchmarks of the lists that a whole stack serves through its API, beside simple rivals."""
