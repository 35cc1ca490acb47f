"""The page at ``/``: watch and try the recommender in a browser."""
