"""How Redis is reached by its address: one server, the one that Sentinel names, or a Redis Cluster."""
