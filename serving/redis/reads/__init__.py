"""What the API reads from Redis, by subject: functions of the store, each a round trip, typed."""
