from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from algorithms.blending.blend import Blend
from algorithms.signals.history import Histories
from algorithms.signals.repeats import Repeats
from algorithms.signals.rows import Rows
from algorithms.signals.transitions import Transitions, TransitionSettings
from training.evaluation import blended_model as module
from training.evaluation.blended_model import (
    BlendedModel,
    lists_in_blocks,
    question_times,
    ranking_histories,
)
from training.evaluation.held_out import HeldOut, MeasurableUsers, MeasuredHistories

# Item 0 is followed by item 2, item 1 by item 3.
ROWS = Rows(np.array([0, 1, 2, 2, 2]), np.array([2, 3], np.int32), np.ones(2, np.float32))
SCORE = Transitions.score
NEXT = Transitions(ROWS, np.ones(4, np.float32), np.ones(4, np.float32), TransitionSettings(half_life=1), 10)


def histories(items: list[int], times: list[int], indptr: list[int]) -> MeasuredHistories:
    many = len(items)
    return MeasuredHistories(
        indptr=np.array(indptr, np.int64),
        items=np.array(items, np.int32),
        strengths=np.ones(many),
        ratings=np.full(many, np.nan),
        liked=np.ones(many, np.bool_),
        times=np.array(times, np.int64),
        grades=np.ones(many),
    )


def test_the_newest_event_counts_most_in_any_order_of_the_items() -> None:
    past = histories([0, 1, 0, 1], [10, 20, 20, 10], [0, 2, 4])
    model = BlendedModel(Blend({"t": 1.0}, {"t": 1.0}), {"t": NEXT}, np.array([30, 30]))
    assert model.lists(past, 2).tolist() == [[3, 2], [2, 3]]


def test_several_blends_have_the_lists_that_each_has_alone_though_each_signal_scores_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(1)
    past = histories(rng.integers(0, 4, 30).tolist(), list(range(30)), list(range(0, 31, 3)))
    now = np.full(10, 40)
    further = Repeats(4)
    signals = {"t": NEXT, "r": further}
    weights = [{"t": 1.0, "r": 0.4}, {"t": 1.0}, {"r": 1.0}]
    models = {str(each): BlendedModel(Blend(each, each, True), signals, now) for each in weights}
    alone = {name: model.lists(past, 2).tolist() for name, model in models.items()}
    scored = [0]

    def count(signal: Transitions, asked: Histories) -> NDArray[np.float64]:
        scored[0] += len(asked)
        return SCORE(signal, asked)

    monkeypatch.setattr(Transitions, "score", count)
    monkeypatch.setattr(module, "_BLOCK_NUMBERS", 4 * 4)
    blocks = [make() for make in lists_in_blocks(models, past, items=4, k=2)]
    assert len(blocks) == 3
    together = {name: np.concatenate([block[name] for block in blocks]).tolist() for name in models}
    assert together == alone
    assert len({str(lists) for lists in alone.values()}) == 3
    assert scored[0] == 10


def test_questions_are_asked_at_the_time_of_the_first_held_out_event() -> None:
    past = histories([0, 1], [10, 20], [0, 1, 2])
    later = histories([2, 3, 1], [50, 40, 60], [0, 2, 3])
    assert question_times(HeldOut(past, later, MeasurableUsers(2, 2, 2))).tolist() == [40, 60]


def test_histories_without_grades_are_refused() -> None:
    past = replace(histories([0], [10], [0, 1]), grades=None)
    with pytest.raises(ValueError, match="grades"):
        ranking_histories(past, np.array([30]))
