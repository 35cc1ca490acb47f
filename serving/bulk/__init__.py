"""Answers of the API for whole files at once."""
