"""Sources of events and metadata: known data sets, folders and single files."""
