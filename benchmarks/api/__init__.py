"""The API and its lists, each beside a peer."""
