"""The step in which hotness is stored. The blend rounds hotness to the same steps as the records."""

HOTNESS_STEP = 1 / 255
