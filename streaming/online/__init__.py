"""The online query: it applies every record to Redis as it arrives."""
