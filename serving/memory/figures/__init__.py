"""Figures of the whole service that the process shows: as an answer, and for Prometheus."""
