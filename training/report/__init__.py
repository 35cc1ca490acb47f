"""What a round did, for people: a line, a page, a tracking server."""
