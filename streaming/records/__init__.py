"""Reads and parses Kafka's records: typed rows, and the reason if a record is rejected."""
