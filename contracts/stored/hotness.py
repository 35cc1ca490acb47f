"""The steps in which hotness is stored, apart from the records, so that algorithms can take the same ones."""

HOTNESS_STEP = 1 / 255
