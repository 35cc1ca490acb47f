"""The state in Redis: one atomic script applies events in any order to the same result."""
