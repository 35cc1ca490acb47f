"""How services reach Kafka and Spark: the producer, the topic admin and the session, shared by several services."""
