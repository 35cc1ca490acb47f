from __future__ import annotations

import numpy as np
import pytest

from algorithms.blending.questions import (
    Candidates,
    Questions,
    candidates,
    later_questions,
    next_item_questions,
)
from algorithms.blending.weights import Candidate, ascend, best_search, difference, ndcg
from algorithms.signals.item_to_item import fit_item_to_item
from algorithms.signals.transitions import fit_transitions
from tests.algorithms.signals.worlds import of_events, sessions


def test_ascent_never_lowers_the_quality() -> None:
    histories = sessions()
    signals = {"E": fit_item_to_item(histories, 60), "T": fit_transitions(histories, 60)}
    targets = histories.newer < 3
    scored = candidates(signals, next_item_questions(histories, targets))
    start = {"E": 1.0, "T": 0.01}
    reached = ascend(scored, start, with_known_items=True)
    assert ndcg(scored, reached, True).mean() > ndcg(scored, start, True).mean()
    assert reached["E"] == 1.0


def test_the_quality_of_weights_is_that_of_the_lists_they_rank() -> None:
    # For a user who had item 0, transitions rank item 1 above item 2.
    events = [(user, 0, 1) for user in range(3)] + [(0, 1, 2), (1, 1, 2), (2, 2, 2)]
    fitted = fit_transitions(of_events(events, 3), 3)
    past = of_events([(0, 0, 1), (1, 0, 1)], 2)
    later = of_events([(0, 1, 3), (1, 2, 3)], 2)
    asked: Questions = later_questions(past, later, np.ones(2, np.bool_))
    scored = candidates({"T": fitted}, asked)
    assert ndcg(scored, {"T": 1.0}, False) == pytest.approx([1.0, 1 / np.log2(3)])


@pytest.mark.parametrize("seed", [0, 3, 6])
def test_without_any_signal_that_is_left_the_lists_would_surely_be_worse(seed: int) -> None:
    scored = _noisy_signals(seed)
    offered = [Candidate(name, name, fit_item_to_item(sessions(), 60)) for name in scored.scores]
    weights, _ = best_search(offered, scored, ({"s0": 1.0}, {"s1": 1.0, "s2": 1.0}), True)
    whole = ndcg(scored, weights, True)
    for name in weights if len(weights) > 1 else ():
        rest = {other: weight for other, weight in weights.items() if other != name}
        assert difference(scored, whole, ndcg(scored, rest, True)).low > 0


def _noisy_signals(seed: int, questions: int = 60, items: int = 20, signals: int = 6) -> Candidates:
    """Each question has one positive, which every signal scores a little higher than the rest."""
    rng = np.random.default_rng(seed)
    positive = np.zeros((questions, items), np.bool_)
    positive[np.arange(questions), rng.integers(0, items, questions)] = True
    scores = {}
    for number in range(signals):
        noise = positive * rng.uniform(0.3, 1.0) + rng.normal(size=positive.shape)
        scores[f"s{number}"] = noise.astype(np.float32)
    every = np.ones_like(positive)
    return Candidates(scores, every, ~every, positive, np.ones(questions, np.int64), np.arange(questions))
