"""How long the factors of placed items must be for such items to get their part of the places in lists.

A regression gives factors shorter than the true ones; by how much depends on what the catalogue says. Too
short, no list begins with a new item; too long, new items push out what is known to be liked.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

PLACES = 10
# How many of the places that an item of the model gets go to a placed one (docs/decisions/0043-content.md).
_PART = 0.05
_LONGEST = 3.0


class PlacedScores(NamedTuple):
    """What the model's items score for some users if they are placed by content, as if they were new."""

    lowest: NDArray[np.float32]  # (users): the last of the PLACES of the user's list; -inf if it is shorter
    placed: NDArray[np.float64]  # (users, items); 0 for an item that the user knows


def fitting_stretch(scores: PlacedScores) -> float:
    """By how much factors are to be stretched; 1 where there is nothing to tell it by."""
    users = np.isfinite(scores.lowest) & (scores.lowest > 0)
    items = scores.placed.any(axis=0)
    placed = scores.placed[np.ix_(users, items)]
    if not placed.size:
        return 1.0
    # A stretch lifts a score as many times, so an item gets a place from this stretch on.
    needed = np.divide(
        scores.lowest[users, None], placed, out=np.full(placed.shape, np.inf), where=placed > 0
    )
    count = int(_PART * PLACES / len(scores.placed[0]) * placed.size)
    return float(min(_LONGEST, np.partition(needed.ravel(), count)[count]))
