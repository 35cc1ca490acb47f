"""Reports on experiments, from what the lake holds: needs neither Spark nor the API's framework."""
