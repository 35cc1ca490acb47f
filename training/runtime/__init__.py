"""What the process runs on: the Spark session, its priority, and errors in plain words."""
