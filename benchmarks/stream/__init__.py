"""From the producer to Redis and the lake, each beside a peer."""
