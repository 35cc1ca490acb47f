"""The embedded default: broker, Redis and the four services on this machine."""
