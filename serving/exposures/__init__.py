"""What was shown to whom: from an answer to the topic ``exposures``, by a process that only sends."""
