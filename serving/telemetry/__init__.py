"""What the process says of itself: metrics, log lines, request ids."""
