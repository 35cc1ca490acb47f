"""What the process reports: metrics, log lines, request ids."""
