from __future__ import annotations

import numpy as np
import pytest

from algorithms.signals.trend import fit_trend, live_trend
from tests.algorithms.signals.worlds import DAY, HOUR, of_events, random_histories


def test_scores_are_logarithms_of_counts_that_halve_with_time() -> None:
    histories = of_events([(0, 0, 0), (1, 0, DAY), (2, 1, DAY)], users=3)
    trend = fit_trend(histories, 3, half_life_ms=DAY, offset=1.0)
    asked = of_events([(0, 0, 0)], users=1).asked_at(np.array([2 * DAY]))
    logs = np.log(1 + np.array([0.25 + 0.5, 0.5, 0]))
    assert trend.score(asked)[0] == pytest.approx(logs - logs.mean())


def test_without_a_half_life_nothing_is_forgotten() -> None:
    trend = fit_trend(of_events([(0, 0, 0), (1, 0, 9 * DAY)], users=2), 2)
    assert trend.at(999 * DAY) == pytest.approx([np.log(3) / 2, -np.log(3) / 2])


def test_events_may_come_in_any_order() -> None:
    histories = random_histories()
    once = fit_trend(histories, 12, half_life_ms=9000.0)
    some = np.random.default_rng(0).permutation(len(histories.items))
    trend = fit_trend(of_events([], 1), 12, half_life_ms=9000.0)
    for part in np.array_split(some, 7):
        trend = trend.with_events(histories.items[part], histories.times_ms[part])
    assert trend.at(50_000) == pytest.approx(once.at(50_000))


def test_a_live_trend_holds_the_events_strictly_before_the_question() -> None:
    events = of_events([(0, 0, 0), (0, 1, HOUR), (0, 1, 2 * HOUR), (0, 2, 3 * HOUR)], users=1)
    start = fit_trend(events.where(events.times_ms == 0), 3, half_life_ms=HOUR)
    live = live_trend(start, events)
    asked = of_events([], users=2).asked_at(np.array([2 * HOUR, HOUR]))
    for row, moment in zip(live.score(asked), (2 * HOUR, HOUR), strict=True):
        past = events.where(events.times_ms < moment)
        assert row == pytest.approx(fit_trend(past, 3, half_life_ms=HOUR).at(moment))


def test_no_history_has_a_share() -> None:
    history = of_events([(0, 1, 1), (0, 2, 2)], users=1)
    assert fit_trend(history, 3).explain(history, np.arange(3)).tolist() == [[0, 0]] * 3


def test_nobody_and_a_very_old_trend_are_flat() -> None:
    nobody = fit_trend(of_events([], users=1), 4, half_life_ms=HOUR)
    assert not nobody.at(5).any()
    old = fit_trend(of_events([(0, 1, 0)], users=1), 4, half_life_ms=1.0)
    assert np.allclose(old.at(10**12), 0)
