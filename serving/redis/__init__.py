"""The API's one way to Redis."""
