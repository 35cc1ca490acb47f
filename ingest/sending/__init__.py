"""Sends events to Kafka at a given pace and shows the progress."""
