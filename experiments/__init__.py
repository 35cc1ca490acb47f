"""Reports on experiments, made from the lake; needs neither Spark nor the API's framework."""
