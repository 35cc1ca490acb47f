"""Ranking without scoring all items, against ranking by all scores."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from algorithms.blending.blend import Blend, KnownItems
from algorithms.blending.touched_items import Touches, Weighted, rank_touched, shared_factors
from algorithms.signals.factors import Factors
from algorithms.signals.history import UNKNOWN, Histories
from algorithms.signals.item_to_item import LONG_VIEW, ItemToItemSettings, fit_item_to_item
from algorithms.signals.repeats import Repeats
from algorithms.signals.signal import Signal
from algorithms.signals.transitions import fit_transitions
from algorithms.signals.trend import fit_trend
from algorithms.signals.trend_counts import counted_entries
from tests.algorithms.signals.worlds import DAY, HOUR, random_histories

ITEMS = 400
BLENDS = (
    ({"E": 1.0, "T": 0.7, "A": 0.3, "B": 0.4}, {"L": 1.0, "T": 0.2, "A": 0.2}),
    ({"E": 1.0, "A": -0.4, "R": 0.5}, {"A": 1.0}),
    ({"A": 1.0}, {"A": 1.0}),
)


def _histories() -> Histories:
    return random_histories(9, items=ITEMS, events=250)


def _signals() -> dict[str, Signal]:
    past = random_histories(1, items=ITEMS, users=60, events=1500)
    rng = np.random.default_rng(1)
    lengths = np.exp(rng.standard_normal((ITEMS, 1)))
    factors = (lengths * rng.standard_normal((ITEMS, 4)) + 0.3).astype(np.float32)
    factors[7] = 0
    signal = Factors(factors, 0.1, 0.5)
    return {
        "E": fit_item_to_item(past, ITEMS, ItemToItemSettings(3.0), k=9),
        "T": fit_transitions(past, ITEMS, k=9),
        "L": fit_item_to_item(past, ITEMS, LONG_VIEW, k=9),
        "A": signal,
        "B": replace(signal, half_life=2.0),
        "R": Repeats(ITEMS),
        "P": fit_trend(counted_entries(past), ITEMS, DAY),
    }


@pytest.mark.parametrize("name", ["E", "T", "L", "R"])
def test_touched_items_are_those_that_score_other_than_zero(name: str) -> None:
    signal, histories = _signals()[name], _histories()
    assert isinstance(signal, Touches)
    for user in range(len(histories)):
        history = histories.rows(user, user + 1)
        scores, touched = signal.score(history)[0], signal.touch(history)
        assert set(np.flatnonzero(scores)) <= set(touched.items.tolist())
        assert touched.scores.tolist() == scores[touched.items].tolist()
        assert (np.diff(touched.items) > 0).all()


@pytest.mark.parametrize("weights", BLENDS)
@pytest.mark.parametrize("with_known_items", [False, True])
@pytest.mark.parametrize("hours", [0, 8, 500])
def test_the_list_is_that_of_all_scores(
    weights: tuple[dict[str, float], dict[str, float]],
    with_known_items: bool,
    hours: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    signals, asked = _signals(), _histories()
    asked = asked.asked_at(asked.now_ms + hours * HOUR)
    asked = replace(asked, items=np.where(asked.items % 11 == 0, UNKNOWN, asked.items).astype(np.int32))
    known = KnownItems(asked.indptr, np.where(asked.items < 0, 3, asked.items).astype(np.int32))
    blend = Blend(*weights, with_known_items)
    items, scores = blend.rank(signals, asked, 30, known=known)
    monkeypatch.setattr("algorithms.blending.blend.MANY_ITEMS", 100)
    monkeypatch.setattr("algorithms.neighbours.product_scan.LARGE", 100)
    found, figures = blend.rank(signals, asked, 30, known=known)
    assert "lists" in vars(signals["A"])
    assert (found == items).mean() > 0.99  # but for two whose scores differ by a rounding
    assert figures == pytest.approx(scores, rel=1e-5)
    assert (items >= 0).any()


@pytest.mark.parametrize("weights", BLENDS)
def test_given_items_score_as_among_all(
    weights: tuple[dict[str, float], dict[str, float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    signals, histories, blend = _signals(), _histories(), Blend(*weights)
    targets = np.array([5, 399, 7, 0, 5, 120, 121, 122])
    for user in range(len(histories)):
        history = histories.rows(user, user + 1)
        monkeypatch.setattr("algorithms.blending.blend.MANY_ITEMS", 1000)
        expected = blend.score_items(signals, history, targets)
        assert expected.tolist() == blend.score(signals, history)[0, targets].tolist()
        monkeypatch.setattr("algorithms.blending.blend.MANY_ITEMS", 100)
        found = blend.score_items(signals, history, targets)
        assert found == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_users_without_a_history_get_no_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("algorithms.blending.blend.MANY_ITEMS", 100)
    nothing = _histories().where(np.zeros(250, np.bool_))
    assert (Blend({"A": 1.0}, {"A": 1.0}).rank(_signals(), nothing, 5)[0] == -1).all()


def test_signals_that_score_all_items_or_have_other_factors_are_ranked_by_all_scores() -> None:
    signals = _signals()
    assert shared_factors([signals["E"], signals["A"], signals["B"]]) is signals["A"]
    other = Factors(np.ones((ITEMS, 4), np.float32), 0.1, 0.5)
    for several in (["E", "T"], ["A", "P"]):
        assert shared_factors([signals[name] for name in several]) is None
    assert shared_factors([signals["A"], other]) is None
    with pytest.raises(ValueError, match="needs factors"):
        rank_touched([Weighted(signals["P"], 1.0)], _histories().rows(0, 1), np.empty(0, np.int32), 5)
