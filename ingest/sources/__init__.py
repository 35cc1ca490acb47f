"""What people have: data sets by name, folders and single files, as sources of events and metadata."""
