"""What the catalogue says about items and users, as numbers, and their places in the space of the factors."""
