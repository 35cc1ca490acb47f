"""Benchmarks of the page in a real browser, over a whole stack."""
