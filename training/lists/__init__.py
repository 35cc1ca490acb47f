"""The lists of a version, made on the executors and written to Redis."""
