"""Benchmarks: each module measures one claim, and a peer in the same run."""
