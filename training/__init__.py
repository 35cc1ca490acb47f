"""From the lake to a published model."""
