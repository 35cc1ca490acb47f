"""What other programs import of Headwater: the client of its API."""
