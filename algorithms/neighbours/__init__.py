"""Nearest items of large catalogues, found approximately by a library."""
