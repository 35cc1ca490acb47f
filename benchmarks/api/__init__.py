"""Benchmarks of the API and its lists, each beside a peer."""
