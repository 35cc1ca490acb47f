"""Oryx's routes over our reads and writes, off by default."""
