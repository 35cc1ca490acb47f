"""Gorse's routes over our own reads and writes, for programs that use Gorse today; off by default."""
