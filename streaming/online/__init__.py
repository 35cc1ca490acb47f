"""The online query: every record applied to Redis as it arrives."""
