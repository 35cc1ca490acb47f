"""Blends of signals as models to be measured: their lists for the measured users' pasts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from algorithms.blending.blend import Blend, Scored, Signals, scores_of
from algorithms.metrics import Lists
from algorithms.signals.history import Histories, Moments, from_items
from algorithms.signals.signal import Signal
from training.evaluation.held_out import HeldOut, MeasuredHistories

_BLOCK_NUMBERS = 2**18  # users x items of a block: 2 MiB for each signal
_MOST_BLOCKS = 2**12
BlockLists = Callable[[], dict[str, Lists]]


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


def lists_in_blocks(
    models: Mapping[str, BlendedModel], past: MeasuredHistories, items: int, k: int
) -> Iterator[BlockLists]:
    """What makes the lists of all models for one block of users after another; blocks may go in any order.

    The models are asked at the same times. They share signals, each of which scores a block once.
    """
    if not models:
        return
    first = next(iter(models.values()))
    histories = ranking_histories(past, first.now_ms, first.moments)
    step = max(1, _BLOCK_NUMBERS // max(1, items), -(-len(histories) // _MOST_BLOCKS))
    for start in range(0, len(histories), step):
        block = histories.rows(start, min(start + step, len(histories)))
        yield partial(_lists_of_block, models, block, k)


def _lists_of_block(models: Mapping[str, BlendedModel], block: Histories, k: int) -> dict[str, Lists]:
    known: dict[int, Scored] = {}

    def score_by(signal: Signal) -> Scored:
        if id(signal) not in known:
            known[id(signal)] = scores_of(signal, block)
        scores, deviations = known[id(signal)]
        return Scored(scores.copy(), deviations)

    def rank_by(model: BlendedModel) -> Lists:
        blend, signals = model.blend, model.signals
        if blend.is_large(signals):
            return blend.rank(signals, block, k)[0]
        scores = blend.add_up(lambda name: score_by(signals[name]), blend.hotness(block))
        return blend.list_best(scores, block, k)[0]

    return {name: rank_by(model) for name, model in models.items()}


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
