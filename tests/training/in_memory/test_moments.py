"""The times in arrays are those of the state: of its newest events and of the earlier ones that it keeps."""

from __future__ import annotations

import numpy as np
import pytest
from pyspark.sql import Row

from algorithms.signals.history import Moments
from contracts.settings import StateSettings, TrainingSettings
from contracts.stored.records import HistoryEntry
from contracts.strengths import effective, moments
from streaming.state.apply import UserEvent
from tests.streaming import state_oracle
from tests.training.in_memory.worlds import as_events, last_writers, random_rows
from training.in_memory.moments import earlier_moments, moments_of
from training.in_memory.pairs import pairs_of


def by_pair(found: Moments, users: list[str], items: list[str]) -> dict[tuple[str, str], list[int]]:
    times: dict[tuple[str, str], list[int]] = {}
    for user, item, time in zip(*(column.tolist() for column in found), strict=True):
        times.setdefault((users[user], items[item]), []).insert(0, time)
    return times


def of_state(rows: list[Row], most: int) -> dict[tuple[str, str], list[int]]:
    """The times before the newest one, by the rules of the contract, from the events that the state keeps."""
    written = [
        UserEvent(row[2], row[3], HistoryEntry(row[1], round(row[5].timestamp() * 1000), row[0], row[4]))
        for row in rows
    ]
    kept = state_oracle.earlier(written, StateSettings(earlier_events=most))
    expected = {}
    for pair, entries in last_writers(rows).items():
        if effective(entries.values()):
            before = moments(entries.values(), kept.get(pair, ()))[1:]
            if before:
                expected[pair] = before
    return expected


@pytest.mark.parametrize(("seed", "seconds", "most"), [(1, 400, 16), (2, 5, 16), (3, 3, 2), (4, 400, 0)])
def test_the_moments_are_those_that_the_state_keeps(seed: int, seconds: int, most: int) -> None:
    rows = random_rows(seed, users=20, items=12, seconds=seconds)
    events = as_events(rows)
    pairs = pairs_of(events, TrainingSettings(), 4.0)
    found = moments_of(pairs.where(pairs.counting), earlier_moments(events, most))
    start = min(round(row[5].timestamp() * 1000) for row in rows) - int(events.times.min())
    shifted = found._replace(times_ms=found.times_ms + start)
    expected = of_state(rows, most)
    assert expected
    assert by_pair(shifted, events.user_ids.to_pylist(), events.item_ids.to_pylist()) == expected


def test_a_selection_of_pairs_has_only_its_moments() -> None:
    events = as_events(random_rows(5, users=6, items=8))
    pairs, everything = pairs_of(events, TrainingSettings(), 4.0), earlier_moments(events, 16)
    one = pairs.where(np.flatnonzero(pairs.users == everything.users[0]))
    found = moments_of(one, everything)
    assert set(found.users.tolist()) == {everything.users[0]}
    assert len(found.users) == (everything.users == everything.users[0]).sum()
    assert not len(moments_of(pairs.where(np.zeros(len(pairs), bool)), everything).users)


def test_without_events_there_are_no_moments() -> None:
    events = as_events(random_rows(6, users=2, items=3))
    assert not len(earlier_moments(events.where(np.zeros(len(events), bool)), 16).users)
