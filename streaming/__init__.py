"""From the Kafka topics to the lake and to Redis."""
