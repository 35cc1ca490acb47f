"""Events to Kafka at a pace, with progress."""
