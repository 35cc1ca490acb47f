"""Solutions of systems of linear equations that numpy does not have."""
