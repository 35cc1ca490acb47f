from __future__ import annotations

from itertools import permutations

import redis

from streaming.state.status import note_newest_event, read_status


def test_the_newest_event_is_the_same_in_whatever_order_workers_note_it(redis_url: str) -> None:
    client = redis.Redis.from_url(redis_url)
    times = (1_700_000_000_777, 1_700_000_000_778, 999_999_999_999)  # one digit less, so no order of texts
    assert read_status(client).newest_event is None
    for order in permutations(times):
        client.flushall()
        for number, time_ms in enumerate(order):
            note_newest_event(client, time_ms)
            assert read_status(client).newest_event == max(order[: number + 1])
