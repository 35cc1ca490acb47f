"""What the process runs on: the Spark session, its queries' folders and ends."""
