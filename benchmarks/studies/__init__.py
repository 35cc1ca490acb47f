"""Studies behind the decisions. They are run by hand; docs/decisions has their tables."""
