"""Studies behind the decisions: run by hand, their tables stand in docs/decisions."""
