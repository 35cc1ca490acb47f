"""What the API changes: events, erasures, the served model."""
