"""Rating files of several shapes as events."""
