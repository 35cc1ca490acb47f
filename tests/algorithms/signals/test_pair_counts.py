from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from algorithms.signals import pair_counts
from algorithms.signals.history import UNKNOWN, Histories
from algorithms.signals.pair_counts import (
    Pairs,
    Window,
    changes,
    count_pairs,
    merge,
    row_and_column_sums,
)
from tests.algorithms.signals.worlds import of_events, random_histories

ITEMS = 12
WINDOWS = [Window(3, 2.0), Window(4, 1.0, backward=0.5, keeps_diagonal=True), Window(1, 5.0, backward=1.0)]


def _by_hand(histories: Histories, window: Window) -> dict[tuple[int, int], float]:
    counts: dict[tuple[int, int], float] = defaultdict(float)
    for start, stop in zip(histories.indptr[:-1], histories.indptr[1:], strict=True):
        for newer in range(start, stop):
            for older in range(newer + 1, min(stop, newer + window.span + 1)):
                i, j = int(histories.items[older]), int(histories.items[newer])
                if UNKNOWN in (i, j) or (i == j and not window.keeps_diagonal):
                    continue
                weight = 2.0 ** (-(older - newer - 1) / window.half_life)
                if histories.times_ms[older] == histories.times_ms[newer]:
                    counts[i, j] += weight * (1 + window.backward) / 2
                    counts[j, i] += weight * (1 + window.backward) / 2
                else:
                    counts[i, j] += weight
                    counts[j, i] += weight * window.backward
    return {pair: count for pair, count in counts.items() if count}


def _as_dict(pairs: Pairs) -> dict[tuple[int, int], float]:
    keys = zip(pairs.sources.tolist(), pairs.followers.tolist(), strict=True)
    return dict(zip(keys, pairs.counts.tolist(), strict=True))


@pytest.mark.parametrize("window", WINDOWS)
def test_counts_follow_their_formula(window: Window) -> None:
    histories = random_histories()
    assert _as_dict(count_pairs(histories, window, ITEMS)) == pytest.approx(_by_hand(histories, window))


@pytest.mark.parametrize("window", WINDOWS)
def test_row_and_column_sums_are_those_of_the_counts(window: Window) -> None:
    histories = random_histories(1)
    pairs = count_pairs(histories, window, ITEMS)
    rows, columns = row_and_column_sums(histories, window, ITEMS)
    assert rows == pytest.approx(np.bincount(pairs.sources, pairs.counts, ITEMS))
    assert columns == pytest.approx(np.bincount(pairs.followers, pairs.counts, ITEMS))


def test_counts_do_not_depend_on_the_size_of_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    histories = random_histories(2)
    whole = _as_dict(count_pairs(histories, WINDOWS[1], ITEMS))
    monkeypatch.setattr(pair_counts, "_BLOCK_PAIRS", 1)
    assert _as_dict(count_pairs(histories, WINDOWS[1], ITEMS)) == pytest.approx(whole)


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


events = st.lists(st.tuples(st.just(0), st.integers(0, 4), st.integers(0, 15)), max_size=14, unique=True)


@settings(max_examples=60, deadline=None)
@given(arriving=events, window=st.sampled_from(WINDOWS))
def test_changes_add_up_to_the_counts_in_whatever_order_events_arrive(
    arriving: list[tuple[int, int, int]], window: Window
) -> None:
    def history(several: Sequence[tuple[int, int, int]]) -> Histories:
        # The newest events are ordered by time, then by their key.
        return of_events(sorted(several, key=lambda event: (event[2], event[1])), users=1)

    summed = Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    for arrived in range(len(arriving)):
        before, after = history(arriving[:arrived]), history(arriving[: arrived + 1])
        summed = merge([summed, changes(before, after, window, 5)], 5)
    assert _as_dict(summed) == pytest.approx(_as_dict(count_pairs(history(arriving), window, 5)))


def test_a_newest_event_changes_no_more_counts_than_its_window_has_places() -> None:
    before = of_events([(0, item, item) for item in range(100)], users=1)
    after = of_events([(0, item, item) for item in range(101)], users=1)
    window = Window(20, 5.0)
    changed = changes(before, after, window, 101)
    assert len(changed.counts) == 20
    assert set(changed.followers.tolist()) == {100}


@pytest.mark.parametrize("wrong", [{"span": 0}, {"span": 41}, {"half_life": 0.0}, {"backward": 1.5}])
def test_an_invalid_window_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="a window has"):
        Window(**wrong)  # type: ignore[arg-type]
