from __future__ import annotations

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from clients.redis.connection import redis_client
from streaming.state.retention import (
    DAY_MS,
    STEPS,
    bound_at,
    has_older_events,
    move_bound,
    note_bound_of_state,
    read_bound,
)

MOMENTS = st.integers(0, 4_000_000_000_000)
DAYS = st.floats(0.01, 5000)


@given(MOMENTS, MOMENTS, DAYS)
def test_the_bound_follows_the_clock_forwards_and_never_takes_what_is_to_be_kept(
    a: int, b: int, days: float
) -> None:
    earlier, later = sorted((a, b))
    assert bound_at(earlier, days) <= bound_at(later, days)
    kept = round(days * DAY_MS)
    assert bound_at(later, days) <= max(0, later - kept)
    assert later - kept - bound_at(later, days) < max(DAY_MS, kept // STEPS)


@given(MOMENTS)
def test_without_a_number_of_days_all_events_are_kept(now: int) -> None:
    assert bound_at(now, 0) == 0


@pytest.mark.redis_cluster_too
def test_the_stored_bound_moves_forwards_only_and_the_state_follows(redis_url: str) -> None:
    with redis_client(redis_url) as client:
        _check_moves(client)


def _check_moves(client: redis.Redis) -> None:
    assert read_bound(client) == 0
    assert not has_older_events(client)
    moves = [0, 5, 1_700_000_000_000, 7, 1_700_000_000_001]
    assert [move_bound(client, to) for to in moves] == [0, 5, moves[2], moves[2], moves[4]]
    assert read_bound(client) == moves[4]
    assert has_older_events(client)
    note_bound_of_state(client, moves[2])
    assert has_older_events(client)
    note_bound_of_state(client, moves[4])
    assert not has_older_events(client)
