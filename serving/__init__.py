"""The API: answers from Redis, events into Kafka."""
