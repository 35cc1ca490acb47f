"""The API: it answers from Redis and writes events to Kafka."""
