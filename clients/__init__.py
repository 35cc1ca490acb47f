"""How services reach Kafka, Redis and Spark: the code that several of them share."""
