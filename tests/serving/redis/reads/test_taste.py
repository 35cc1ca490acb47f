from __future__ import annotations

import uuid

import redis

from contracts.stored import keyspace, records
from serving.question.candidate import User
from serving.redis.reads.taste import NEWEST, liked_lately
from tests.serving.conftest import settings_of, through_store

SETTINGS = settings_of()


def write(client: redis.Redis, item: str, moment: int, event_type: str, value: float = 1.0) -> None:
    entry = records.HistoryEntry(event_type, moment, str(uuid.uuid4()), value)
    client.hset(keyspace.history("ann", 1), item, records.encode_entry(entry))
    client.zadd(keyspace.recent("ann", 1), {item: moment})


def test_lately_liked_items_come_newest_first_with_their_strengths(redis_url: str) -> None:
    client = redis.Redis.from_url(redis_url)
    write(client, "bad", 4, "rating", 1.0)
    write(client, "bought", 3, "purchase")
    write(client, "good", 2, "rating", 5.0)
    client.zadd(keyspace.recent("ann", 1), {"retracted": 9})  # nothing of it counts any more
    known = User("ann", {"bad", "bought", "good"})
    found = through_store(redis_url, lambda store: liked_lately(store, known, SETTINGS))
    assert found == [("bought", 5.0), ("good", 2.0)]

    for n in range(NEWEST):
        write(client, f"seen {n}", 10 + n, "rating", 3.0)
    client.close()
    # These newer items have no weight, but they push out the items that were liked before.
    assert through_store(redis_url, lambda store: liked_lately(store, known, SETTINGS)) == []


def test_a_session_has_its_own_items_and_redis_is_not_asked_about_an_unknown_user(redis_url: str) -> None:
    session = User("", {"x"}, session=[("x", 2.0)])
    assert through_store(redis_url, lambda store: liked_lately(store, session, SETTINGS)) == [("x", 2.0)]
    assert through_store(redis_url, lambda store: liked_lately(store, User("new"), SETTINGS)) == ()
