"""Trains models from the lake's events, measures them and publishes them."""
