"""How Redis is reached by its address: one server, or the one that Sentinel names."""
