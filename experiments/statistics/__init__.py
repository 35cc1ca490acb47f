"""The statistics of experiments: pure functions of arrays. Units are users (or sessions), never events."""
