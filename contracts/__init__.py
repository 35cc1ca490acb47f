"""What the services agree on. Pure data: imports no service."""
