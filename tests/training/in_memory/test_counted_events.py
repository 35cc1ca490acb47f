from __future__ import annotations

from collections import Counter
from datetime import timedelta

import numpy as np
import pytest
from pyspark.sql import Row

from algorithms.signals.history import from_events
from algorithms.signals.trend import CounterTrend, fit_trend, live_trend
from contracts.events import RATING
from contracts.settings import StateSettings, TrainingSettings
from contracts.stored.records import HistoryEntry
from contracts.strengths import effective
from streaming.state.apply import UserEvent
from tests.streaming import state_oracle
from tests.training.data.test_dataset import START
from tests.training.in_memory.worlds import as_events, last_writers, random_rows
from training.in_memory.counted_events import counted_events

SETTINGS = TrainingSettings()
HALF_LIFE = 300_000.0


def masses(rows: list[Row]) -> Counter[str]:
    """The weight that counts for each item, computed plainly by the rule."""
    found: Counter[str] = Counter()
    for (_, item), by_type in last_writers(rows).items():
        for entry in effective(by_type.values()):
            weight = entry.value if entry.event_type == RATING else SETTINGS.event_weights[entry.event_type]
            found[item] += weight * 2.0 ** (entry.event_time / HALF_LIFE % 1)  # a mark of the entry's time
    return found


@pytest.mark.parametrize("seed", range(3))
def test_at_any_moment_the_events_that_count_are_those_of_the_state(seed: int) -> None:
    rows = random_rows(seed, users=12, items=8, seconds=50_000)
    # Ids order the events of one pair and time; arrays know that order within a type only.
    rows = list({(row[2], row[3], row[5]): row for row in rows}.values())
    events = as_events(rows)
    counted, ids = counted_events(events, SETTINGS), events.item_ids.to_pylist()
    start = round(START.timestamp() * 1000)
    for seconds in (0, 9_000, 25_000, 50_001):
        then = (counted.times_ms < 1000 * seconds) & (counted.until_ms >= 1000 * seconds)
        found: Counter[str] = Counter()
        columns = (counted.items[then], counted.times_ms[then], counted.weights[then])
        for item, moment, weight in zip(*(column.tolist() for column in columns), strict=True):
            found[ids[item]] += weight * 2.0 ** ((start + moment) / HALF_LIFE % 1)
        expected = masses([row for row in rows if row[5] < START + timedelta(seconds=seconds)])
        assert found.keys() == expected.keys()
        for item, mass in expected.items():
            assert found[item] == pytest.approx(mass)


@pytest.mark.parametrize("seconds", [9_000, 25_000, 50_001])
def test_a_past_trend_equals_what_the_counters_of_the_state_were_then(seconds: int) -> None:
    rows = list({(row[2], row[3], row[5]): row for row in random_rows(7, 12, 8, 50_000)}.values())
    events, state = as_events(rows), StateSettings(redis_shards=1)
    counted, ids = counted_events(events, SETTINGS), events.item_ids.to_pylist()
    start = round(START.timestamp() * 1000)
    then = [row for row in rows if row[5] < START + timedelta(seconds=seconds)]
    winners = state_oracle.last_writers(
        UserEvent(row[2], row[3], HistoryEntry(row[1], round(row[5].timestamp() * 1000), row[0], row[4]))
        for row in then
    )
    nobody = from_events(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64), user_count=1)
    asked = nobody.asked_at(np.array([1000 * seconds]))
    touched = {row[3] for row in then}
    for place, half_life in enumerate(state.trend_half_lives):
        live = live_trend(counted, len(ids), 1000.0 * half_life)
        scores = [
            state_oracle.trend(winners, item, state).score(place) if item in touched else None for item in ids
        ]
        sums = np.array([-np.inf if score is None else score for score in scores])
        # The state drops octaves beyond the kept ones, and rounds weights to millionths.
        counters = CounterTrend(sums, start, 1000.0 * half_life, live.start.offset)
        assert live.score(asked)[0] == pytest.approx(counters.at(start + 1000 * seconds), abs=1e-4)
        if seconds > 50_000:
            fitted = fit_trend(counted, len(ids), 1000.0 * half_life)
            assert fitted.at(1000 * seconds) == pytest.approx(live.score(asked)[0])
