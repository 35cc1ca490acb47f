"""The interface of a fitted signal."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from algorithms.signals.history import Histories

Floats = NDArray[np.float64]


class Signal(Protocol):
    """Scores items for users' histories. A score of 0 means that the signal knows nothing about the item."""

    def score(self, histories: Histories) -> Floats:
        """(users, items): the scores. A user's scores do not depend on the other users."""
        ...

    def explain(self, history: Histories, targets: NDArray[np.integer[Any]]) -> Floats:
        """(targets, entries) for one user: the shares of the history's entries in each target's score.

        They add up to the score, except for a signal that does not use the history: all its shares are 0.
        """
        ...
