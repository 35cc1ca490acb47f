"""Nearest vectors and largest products in large catalogues."""
