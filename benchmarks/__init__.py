"""One module per claim of the README's table, each with its peer in the same run."""
