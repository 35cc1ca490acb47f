"""Files as tables: what they are, their encoding, their fields, read by DuckDB."""
