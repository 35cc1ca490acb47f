"""Strategies: the sources of recommended items. One strategy a file, asked in the order of ``chain``."""
