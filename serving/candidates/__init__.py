"""Where recommended items come from: one strategy a file, tried in the order of ``serving.recommender``."""
