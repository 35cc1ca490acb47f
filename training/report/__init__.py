"""Reports what a round did: as a log line, a page, and to a tracking server."""
