from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from algorithms.signals import pair_counts
from algorithms.signals.follower_weights import FollowerWeights, Levels
from algorithms.signals.history import UNKNOWN, Histories
from algorithms.signals.pair_counts import (
    Pairs,
    Window,
    count_pairs,
    merge,
)
from tests.algorithms.signals.worlds import of_events, random_histories

ITEMS = 12
WINDOWS = [Window(3, 2.0), Window(4, 1.0, backward=0.5, keeps_diagonal=True), Window(1, 5.0, backward=1.0)]


def _by_hand(
    histories: Histories, window: Window, levels: Levels | None = None
) -> dict[tuple[int, int], float]:
    counts: dict[tuple[int, int], float] = defaultdict(float)
    follows = np.ones(len(histories.items)) if levels is None else levels.weights[levels.of_entries]
    for start, stop in zip(histories.indptr[:-1], histories.indptr[1:], strict=True):
        for newer in range(start, stop):
            for older in range(newer + 1, min(stop, newer + window.span + 1)):
                i, j = int(histories.items[older]), int(histories.items[newer])
                if UNKNOWN in (i, j) or (i == j and not window.keeps_diagonal):
                    continue
                weight = 2.0 ** (-(older - newer - 1) / window.half_life)
                if histories.times_ms[older] == histories.times_ms[newer]:
                    counts[i, j] += weight * follows[newer] * (1 + window.backward) / 2
                    counts[j, i] += weight * follows[older] * (1 + window.backward) / 2
                else:
                    counts[i, j] += weight * follows[newer]
                    counts[j, i] += weight * follows[older] * window.backward
    return {pair: count for pair, count in counts.items() if count}


def _as_dict(pairs: Pairs) -> dict[tuple[int, int], float]:
    keys = zip(pairs.sources.tolist(), pairs.followers.tolist(), strict=True)
    return dict(zip(keys, pairs.counts.tolist(), strict=True))


def _assert_sums(pairs: Pairs, counts: dict[tuple[int, int], float]) -> None:
    """The sums over followers and over sources, each of all counts."""
    for place, sums in enumerate(pairs.sums(ITEMS)):
        expected = [sum(count for pair, count in counts.items() if pair[place] == i) for i in range(ITEMS)]
        assert sums == pytest.approx(expected)


@pytest.mark.parametrize("window", WINDOWS)
def test_counts_follow_their_formula(window: Window) -> None:
    histories = random_histories()
    assert _as_dict(count_pairs(histories, window, ITEMS)) == pytest.approx(_by_hand(histories, window))


@pytest.mark.parametrize("window", WINDOWS)
def test_a_pair_counts_as_much_as_its_follower(window: Window) -> None:
    histories = random_histories(4)
    levels = FollowerWeights(0.5, half_life_days=0.0001, lasting=0.3).levels(histories, 40_000)
    assert len(set(levels.of_entries.tolist())) > 5
    pairs = count_pairs(histories, window, ITEMS, levels=levels)
    assert _as_dict(pairs) == pytest.approx(_by_hand(histories, window, levels))
    _assert_sums(pairs, _by_hand(histories, window, levels))


@pytest.mark.parametrize("window", WINDOWS)
def test_row_and_column_sums_are_those_of_the_counts(window: Window) -> None:
    histories = random_histories(1)
    _assert_sums(count_pairs(histories, window, ITEMS), _by_hand(histories, window))


def test_counts_do_not_depend_on_the_size_of_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    histories = random_histories(2)
    whole = _as_dict(count_pairs(histories, WINDOWS[1], ITEMS))
    for limit in ("_BLOCK_PAIRS", "_LEAST_SOURCES"):
        monkeypatch.setattr(pair_counts, limit, 1)
        assert _as_dict(count_pairs(histories, WINDOWS[1], ITEMS)) == pytest.approx(whole)
        monkeypatch.setattr(pair_counts, "_SHORT", 1)


def test_counts_do_not_depend_on_how_long_the_keys_of_pairs_are(monkeypatch: pytest.MonkeyPatch) -> None:
    histories = random_histories(2)
    short = count_pairs(histories, WINDOWS[1], ITEMS)
    monkeypatch.setattr(pair_counts, "_SHORT", 0)
    long = count_pairs(histories, WINDOWS[1], ITEMS)
    assert all(np.array_equal(*both) for both in zip(short, long, strict=True))


def test_without_an_order_both_directions_count_the_same() -> None:
    histories = of_events([(0, 1, 7), (0, 2, 7), (0, 3, 7)], users=1)
    counts = _as_dict(count_pairs(histories, Window(2, 1.0), 4))
    assert counts == {pair[::-1]: count for pair, count in counts.items()}
    assert sum(counts.values()) == pytest.approx(2.5)


def test_an_unknown_item_takes_a_place_in_the_window_and_counts_for_nothing() -> None:
    histories = of_events([(0, 1, 1), (0, UNKNOWN, 2), (0, 2, 3)], users=1)
    assert _as_dict(count_pairs(histories, Window(2, 1.0), 3)) == {(1, 2): 0.5}


def test_without_users_there_are_no_pairs() -> None:
    assert _as_dict(count_pairs(of_events([], users=2), Window(), 3)) == {}
    assert _as_dict(count_pairs(of_events([(0, 1, 1)], users=1), Window(), 3)) == {}


def test_later_events_add_the_pairs_in_which_they_are_the_newer() -> None:
    histories = random_histories(3)
    for window in WINDOWS:
        before = count_pairs(histories.where(histories.times_ms < 20_000), window, ITEMS)
        added = count_pairs(histories, window, ITEMS, histories.times_ms >= 20_000)
        together = merge([before, added], ITEMS)
        assert _as_dict(together) == pytest.approx(_as_dict(count_pairs(histories, window, ITEMS)))


@pytest.mark.parametrize("wrong", [{"span": 0}, {"span": 41}, {"half_life": 0.0}, {"backward": 1.5}])
def test_an_invalid_window_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="a window has"):
        Window(**wrong)  # type: ignore[arg-type]
