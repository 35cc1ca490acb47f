"""Gorse's routes over our own reads and writes, for programs that speak to Gorse today; off by default."""
