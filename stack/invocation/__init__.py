"""What surrounds every `headwater` command: it finds its stack, checks its servers, and reports failures."""
