"""A blend of signals as a model to be measured: its lists for the measured users' pasts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from algorithms.blending.blend import Blend, Signals
from algorithms.metrics import Lists
from algorithms.signals.history import Histories, Moments, from_items
from training.evaluation.held_out import HeldOut, MeasuredHistories


@dataclass(frozen=True)
class BlendedModel:
    """A blend with its signals, and when each measured user asks (epoch ms)."""

    blend: Blend
    signals: Signals
    now_ms: NDArray[np.int64]
    moments: Moments | None = None  # of the users' past, before the newest one of an item

    def lists(self, past: MeasuredHistories, k: int) -> Lists:
        """The blend's own lists, -1 where they are short. Raises ValueError for a past without grades."""
        found, _ = self.blend.rank(self.signals, ranking_histories(past, self.now_ms, self.moments), k)
        return found


def ranking_histories(
    past: MeasuredHistories, now_ms: NDArray[np.int64], moments: Moments | None = None
) -> Histories:
    """The same interactions as signals read them, asked at these times."""
    if past.grades is None:
        raise ValueError("signals need grades, which the executors' histories do not have")
    return from_items(
        past.owners(),
        past.items,
        past.times,
        user_count=len(past.indptr) - 1,
        grades=past.grades,
        strengths=past.strengths,
        moments=moments,
        now_ms=now_ms,
    )


def question_times(held_out: HeldOut) -> NDArray[np.int64]:
    """(users): when each measured user did the first of what is held out."""
    later = held_out.later
    times = np.full(len(later.indptr) - 1, np.iinfo(np.int64).max)
    np.minimum.at(times, later.owners(), later.times)
    return times
