"""Kafka's records, read and parsed: typed rows, and why a record is rejected."""
