"""What the process runs on: the Spark session, the process' priority, and errors in plain words."""
