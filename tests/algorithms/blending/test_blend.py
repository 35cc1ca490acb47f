from __future__ import annotations

import numpy as np
import pytest

from algorithms.blending import blend as module
from algorithms.blending.blend import Blend, KnownItems
from algorithms.signals.factors import Factors
from algorithms.signals.item_to_item import LONG_VIEW, ItemToItemSettings, fit_item_to_item
from algorithms.signals.repeats import Repeats
from algorithms.signals.signal import Signal
from algorithms.signals.transitions import fit_transitions
from algorithms.signals.trend import fit_trend
from algorithms.signals.trend_counts import counted_entries
from contracts.stored.hotness import HOTNESS_STEP
from tests.algorithms.signals.worlds import DAY, HOUR, of_events, random_histories

ITEMS = 12
HOT = {"E": 1.0, "T": 0.7, "A": 0.2, "R": 0.1, "P": 0.3}
COLD = {"L": 1.0, "T": 0.15, "P": 0.4}


def _signals() -> dict[str, Signal]:
    histories = random_histories()
    factors = np.random.default_rng(1).standard_normal((ITEMS, 4)).astype(np.float32)
    return {
        "E": fit_item_to_item(histories, ITEMS, ItemToItemSettings(3.0)),
        "T": fit_transitions(histories, ITEMS),
        "L": fit_item_to_item(histories, ITEMS, LONG_VIEW),
        "A": Factors(factors, 0.1, 0.5),
        "R": Repeats(ITEMS),
        "P": fit_trend(counted_entries(histories), ITEMS, DAY),
    }


def _asked_after(hours: float):  # type: ignore[no-untyped-def]
    histories = random_histories(9, events=150)
    assert np.diff(histories.indptr).all()  # everybody has a last event
    return histories.asked_at(histories.now_ms + int(hours * HOUR))


def test_a_score_is_the_weighted_sum_of_scores_in_units_of_their_deviation() -> None:
    signals, histories = _signals(), _asked_after(0)
    expected = np.zeros((len(histories), ITEMS))
    for name, weight in HOT.items():
        scores = signals[name].score(histories)
        spread = scores.std(axis=1, keepdims=True)
        expected += weight * scores / np.where(spread > 0, spread, np.inf)
    assert Blend(HOT, HOT).score(signals, histories) == pytest.approx(expected)


def test_the_longer_after_the_last_event_the_more_the_long_horizon_counts() -> None:
    signals, blend = _signals(), Blend(HOT, COLD)
    right_after = Blend(HOT, HOT).score(signals, _asked_after(0))
    long_after = Blend(COLD, COLD).score(signals, _asked_after(500))
    assert np.array_equal(blend.score(signals, _asked_after(0)), right_after)
    assert blend.score(signals, _asked_after(500)) == pytest.approx(long_after)
    hot = Blend(HOT, HOT).score(signals, _asked_after(8))
    cold = Blend(COLD, COLD).score(signals, _asked_after(8))
    half = 128 * HOTNESS_STEP  # the nearest step
    assert blend.score(signals, _asked_after(8)) == pytest.approx(half * hot + (1 - half) * cold)


def test_hotness_is_halved_where_the_last_event_is_much_older_than_those_of_others() -> None:
    hours, behind = np.array([0, 0, 0, 8, 8, np.inf]), np.array([0, 8, 1000, 8, 1000, 0])
    found = Blend(HOT, COLD).hotness_after(hours, behind)
    assert found == pytest.approx([1.0, 0.75, 0.5, 0.5, 0.25, 0.0], abs=HOTNESS_STEP / 2)


@pytest.mark.parametrize(("hours", "hotness"), [(0, 1.0), (1, 2**-0.125), (24, 0.125), (24 * 30, 0.0)])
def test_hotness_halves_every_eight_hours_to_the_nearest_step(hours: float, hotness: float) -> None:
    asked = of_events([(0, 1, 5)], users=1)
    asked = asked.asked_at(asked.now_ms + int(hours * HOUR))
    assert Blend(HOT, COLD).hotness(asked)[0] == pytest.approx(hotness, abs=HOTNESS_STEP / 2)


@pytest.mark.parametrize("is_large", [False, True])
def test_a_given_hotness_ranks_each_user_as_the_time_since_the_last_event_would(
    monkeypatch: pytest.MonkeyPatch, is_large: bool
) -> None:
    monkeypatch.setattr(module, "_BLOCK_NUMBERS", 7 * ITEMS)
    signals, blend = _signals(), Blend({"E": 1.0, "A": 0.1}, {"L": 1.0, "T": 0.15})  # no trends
    if is_large:
        monkeypatch.setattr(module, "MANY_ITEMS", 0)
    histories = _asked_after(0)
    hotness = np.where(np.arange(len(histories)) % 2, 1.0, 128 * HOTNESS_STEP)
    items, scores = blend.rank(signals, histories, 5, hotness=hotness)
    for user, hours in enumerate(np.where(hotness == 1.0, 0, 8).tolist()):
        asked = histories.rows(user, user + 1)
        alone = blend.rank(signals, asked.asked_at(asked.now_ms + hours * int(HOUR)), 5)
        assert items[user].tolist() == alone[0][0].tolist()
        assert scores[user] == pytest.approx(alone[1][0], rel=1e-5)


@pytest.mark.parametrize("hours", [0, 3, 500])
def test_a_users_list_does_not_depend_on_the_other_users_asked_for(
    hours: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    signals, histories, blend = _signals(), _asked_after(hours), Blend(HOT, COLD)
    monkeypatch.setattr(module, "_BLOCK_NUMBERS", 7 * ITEMS)
    items, scores = blend.rank(signals, histories, 5)
    for user in range(len(histories)):
        alone = blend.rank(signals, histories.rows(user, user + 1), 5)
        assert np.array_equal(alone[0][0], items[user])
        assert np.array_equal(alone[1][0], scores[user])


@pytest.mark.parametrize("hours", [0, 3, 500])
def test_shares_of_signals_and_of_entries_add_up_to_the_score(hours: float) -> None:
    signals, blend = _signals(), Blend(HOT, COLD)
    history = _asked_after(hours).rows(3, 4)
    why = blend.explain(signals, history, np.arange(ITEMS))
    assert why.scores == pytest.approx(blend.score(signals, history)[0])
    for name, share in why.by_signal.items():
        entries = why.by_entry[name].sum(axis=1)
        assert entries == pytest.approx(share if name != "P" else np.zeros(ITEMS), abs=1e-5)


def test_known_items_are_left_out_unless_they_may_come() -> None:
    signals, histories = _signals(), _asked_after(0)
    items, _ = Blend(HOT, COLD).rank(signals, histories, ITEMS)
    for user in range(len(histories)):
        known = histories.items[histories.indptr[user] : histories.indptr[user + 1]]
        assert not np.isin(items[user], known).any()
    everything, _ = Blend({"R": 1.0}, {"R": 1.0}, with_known_items=True).rank(signals, histories, ITEMS)
    # All items that the user has had, except those that the user no longer wants.
    wanted = histories.is_newest_of_item & (histories.grades >= 0)
    assert (everything >= 0).sum(axis=1).tolist() == (
        np.bincount(histories.owners[wanted], minlength=len(histories)).tolist()
    )


def test_items_known_beyond_the_history_are_left_out() -> None:
    signals, histories = _signals(), _asked_after(0).rows(0, 2)
    known = KnownItems(np.array([0, 2, 2]), np.array([3, 4], np.int32))
    items, _ = Blend(HOT, COLD).rank(signals, histories, ITEMS, known=known)
    assert not np.isin(items[0], [3, 4]).any()
    assert np.isin(items[1], [3, 4]).any()


def test_a_signal_without_weight_is_not_computed() -> None:
    signals = {name: signal for name, signal in _signals().items() if name == "T"}
    blend = Blend({"T": 1.0, "E": 0.0}, {"T": 1.0})
    assert blend.names == ["T"]
    assert blend.rank(signals, _asked_after(0), 3)[0].shape == (30, 3)
    with pytest.raises(KeyError):
        Blend({"T": 1.0, "E": 0.1}, {}).score(signals, _asked_after(0))
    with pytest.raises(ValueError, match="at least one signal"):
        Blend({}, {}).score(signals, _asked_after(0))


def test_a_user_without_a_history_gets_no_list() -> None:
    signals, nobody = _signals(), of_events([(1, 3, 1)], users=2)
    items, _ = Blend({"P": 1.0}, {"P": 1.0}).rank(signals, nobody, 3)
    assert (items[0] == -1).all()
    assert (items[1, :1] >= 0).all()


def test_no_users_get_no_lists() -> None:
    assert Blend(HOT, COLD).rank(_signals(), of_events([], users=0), 3)[0].shape == (0, 3)


def test_a_lone_user_who_knows_the_only_item_gets_an_empty_list() -> None:
    one = of_events([(0, 0, 1)], users=1)
    signals: dict[str, Signal] = {"E": fit_item_to_item(one, 1), "T": fit_transitions(one, 1)}
    assert Blend({"E": 1.0, "T": 1.0}, {}).rank(signals, one, 3)[0].tolist() == [[-1, -1, -1]]
