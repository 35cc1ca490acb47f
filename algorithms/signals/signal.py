"""The interface of a fitted signal."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from algorithms.signals.history import Histories

Floats = NDArray[np.float64]


class Signal(Protocol):
    """Scores of items for users' histories. A score of 0 says that the signal knows nothing of the item."""

    def score(self, histories: Histories) -> Floats:
        """(users, items). A user's scores do not depend on the other users."""
        ...

    def explain(self, history: Histories, targets: NDArray[np.integer[Any]]) -> Floats:
        """(targets, entries) of one user: shares of the entries of the history in each target's score.

        They add up to the score, except for a signal that scores without a history: all its shares are 0.
        """
        ...
