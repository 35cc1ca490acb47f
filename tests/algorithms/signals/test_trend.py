from __future__ import annotations

import numpy as np
import pytest

from algorithms.signals.history import Histories
from algorithms.signals.trend import CounterTrend, Trend, live_trend
from algorithms.signals.trend import fit_trend as fit_counted
from algorithms.signals.trend_counts import STANDS, Counted, counted_entries
from tests.algorithms.signals.worlds import DAY, HOUR, of_events, random_histories


def fit_trend(
    histories: Histories, items: int, half_life_ms: float = 0.0, offset: float | None = None
) -> Trend:
    return fit_counted(counted_entries(histories), items, half_life_ms, offset)


def test_scores_are_logarithms_of_counts_that_halve_with_time() -> None:
    histories = of_events([(0, 0, 0), (1, 0, DAY), (2, 1, DAY)], users=3)
    trend = fit_trend(histories, 3, half_life_ms=DAY, offset=1.0)
    asked = of_events([(0, 0, 0)], users=1).asked_at(np.array([2 * DAY]))
    logs = np.log(1 + np.array([0.25 + 0.5, 0.5, 0]))
    assert trend.score(asked)[0] == pytest.approx(logs - logs.mean())


def test_without_a_half_life_counts_never_fade() -> None:
    trend = fit_trend(of_events([(0, 0, 0), (1, 0, 9 * DAY)], users=2), 2)
    assert trend.at(999 * DAY) == pytest.approx([np.log(3) / 2, -np.log(3) / 2])


@pytest.mark.parametrize("half_life", [0.0, HOUR])
def test_questions_of_one_instant_share_a_row_and_each_has_the_scores_of_its_moment(half_life: float) -> None:
    counted = fit_trend(of_events([(0, 0, HOUR), (0, 0, HOUR), (0, 1, 2 * HOUR)], users=1), 3, half_life)
    moments = np.array([9, 1, 2, 9, 0, 3]) * HOUR  # some before the newest event
    asked = of_events([], users=len(moments)).asked_at(moments)
    for trend in (counted, CounterTrend(np.array([3.0, 2.0, -np.inf]), 2 * HOUR, half_life, 1.0)):
        assert np.array_equal(trend.score(asked), [trend.at(moment) for moment in moments.tolist()])


def test_events_may_come_in_any_order() -> None:
    histories = random_histories()
    once = fit_trend(histories, 12, half_life_ms=9000.0)
    order = np.random.default_rng(0).permutation(len(histories.items))
    trend = fit_trend(of_events([], 1), 12, half_life_ms=9000.0)
    for part in np.array_split(order, 7):
        trend = trend.with_events(histories.items[part], histories.times_ms[part])
    assert trend.at(50_000) == pytest.approx(once.at(50_000))


def test_a_live_trend_holds_the_events_strictly_before_the_question() -> None:
    events = of_events([(0, 0, 0), (0, 1, HOUR), (0, 1, 2 * HOUR), (0, 2, 3 * HOUR)], users=1)
    live = live_trend(counted_entries(events), 3, half_life_ms=HOUR)
    asked = of_events([], users=2).asked_at(np.array([2 * HOUR, HOUR]))
    for row, moment in zip(live.score(asked), (2 * HOUR, HOUR), strict=True):
        past = events.where(events.times_ms < moment)
        assert row == pytest.approx(fit_trend(past, 3, half_life_ms=HOUR).at(moment))


def test_a_live_trend_is_the_same_in_blocks_of_questions_and_with_many_marks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    histories = random_histories()
    moments = np.sort(histories.times_ms)[[0, 9, 30, 31, -1]] + 1
    asked = of_events([], users=5).asked_at(moments)
    at_once = live_trend(counted_entries(histories), 12, half_life_ms=9000.0).score(asked)
    monkeypatch.setattr("algorithms.signals.trend._FEWEST_BETWEEN", 1)
    marked = live_trend(counted_entries(histories), 12, half_life_ms=9000.0)
    assert marked.score(asked) == pytest.approx(at_once)
    one_by_one = [marked.score(asked.rows(place, place + 1)) for place in range(5)]
    assert np.concatenate(one_by_one) == pytest.approx(at_once)


def test_a_replaced_event_counts_only_until_it_was_replaced() -> None:
    counted = Counted(
        items=np.array([0, 0, 1]),
        times_ms=np.array([HOUR, 3 * HOUR, 2 * HOUR]),
        weights=np.array([1.0, 5.0, 2.0]),
        until_ms=np.array([3 * HOUR, STANDS, 4 * HOUR]),
    )
    live = live_trend(counted, 2, half_life_ms=HOUR)
    # It counts until the event that replaces it, which must be before the question as well.
    masses = {1: (0, 0), 2: (0.5, 0), 3: (0.25, 1), 4: (2.5, 0.5), 5: (1.25, 0)}
    asked = of_events([], users=len(masses)).asked_at(HOUR * np.array(list(masses)))
    for row, mass in zip(live.score(asked), masses.values(), strict=True):
        expected = np.log(0.1 + np.array(mass))
        assert row == pytest.approx(expected - expected.mean(), abs=1e-9)


@pytest.mark.parametrize("half_life", [0.0, 300_000.0, float(HOUR), 7.0 * DAY])
def test_a_trend_from_counters_equals_one_from_events(half_life: float) -> None:
    start = 1_700_000_000_000  # as far from 1970 as real events, where sums no longer fit a float
    histories = of_events([(0, 0, start), (1, 0, start + HOUR), (2, 1, start + 2 * HOUR)], users=3)
    fitted = fit_trend(histories, 3, half_life)
    sums = np.full(3, -np.inf)
    for place, times in enumerate([[start, start + HOUR], [start + 2 * HOUR]]):
        halvings = [moment / half_life if half_life else 0.0 for moment in times]
        sums[place] = max(halvings) + np.log2(sum(2.0 ** (each - max(halvings)) for each in halvings))
    counters = CounterTrend(sums, start, half_life, fitted.offset)
    for moment in (start + 2 * HOUR, start + 5 * HOUR, start + 9 * DAY):
        assert counters.at(moment) == pytest.approx(fitted.at(moment), abs=1e-6)
    assert counters.at(start - 900 * DAY) == pytest.approx(counters.at(start))


def test_an_item_with_more_dislikes_than_likes_scores_like_one_without_events() -> None:
    counted = Counted(
        items=np.array([0, 1]),
        times_ms=np.array([HOUR, HOUR]),
        weights=np.array([-3.0, 1.0]),
        until_ms=np.array([STANDS, STANDS]),
    )
    counters = CounterTrend(np.array([-np.inf, 0.0, -np.inf]), HOUR, 0.0, 1.0)
    assert fit_counted(counted, 3).at(HOUR) == pytest.approx(counters.at(HOUR))


def test_a_trend_has_no_shares_of_the_history() -> None:
    history = of_events([(0, 1, 1), (0, 2, 2)], users=1)
    assert fit_trend(history, 3).explain(history, np.arange(3)).tolist() == [[0, 0]] * 3


def test_a_trend_without_events_and_a_very_old_trend_score_all_items_alike() -> None:
    nobody = fit_trend(of_events([], users=1), 4, half_life_ms=HOUR)
    assert not nobody.at(5).any()
    old = fit_trend(of_events([(0, 1, 0)], users=1), 4, half_life_ms=1.0)
    assert np.allclose(old.at(10**12), 0)
