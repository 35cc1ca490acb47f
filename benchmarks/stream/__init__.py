"""Benchmarks from the producer to Redis and the lake, each compared with a peer."""
