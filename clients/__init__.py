"""How services reach Kafka and Spark: what several of them share."""
