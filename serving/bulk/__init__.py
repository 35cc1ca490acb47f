"""What the API answers, for whole files at once."""
