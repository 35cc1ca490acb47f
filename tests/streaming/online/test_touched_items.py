from __future__ import annotations

from typing import Any

import pytest
import redis

from clients.redis.connection import redis_client
from contracts.settings import StateSettings
from contracts.stored import keyspace
from contracts.stored.records import HistoryEntry, Popularity
from streaming.online.touched_items import merge_touched, note_touched
from streaming.state.apply import UserEvent, apply_events

pytestmark = pytest.mark.redis_cluster_too

SETTINGS = StateSettings(redis_shards=2)
LIKE = HistoryEntry("like", 1, "00000000-0000-4000-8000-000000000000", 1.0)


def like(client: redis.Redis, user: str, item: str) -> None:
    apply_events(client, [UserEvent(user, item, LIKE)], SETTINGS)
    note_touched(client, [item])


def popular(client: redis.Redis) -> dict[str, float]:
    raw: Any = client.zrange(keyspace.POPULAR, 0, -1, withscores=True)
    return {item.decode(): score for item, score in raw}


def test_touched_items_are_merged_once(redis_url: str) -> None:
    client = redis_client(redis_url)
    for user in ("u1", "u2", "u3"):
        like(client, user, "a")
    like(client, "u1", "b")
    assert popular(client) == {}
    assert merge_touched(client, SETTINGS) == 2
    weight = SETTINGS.event_weights["like"]
    assert popular(client) == {"a": 3 * weight, "b": weight}
    assert merge_touched(client, SETTINGS) == 0
    assert not client.exists(keyspace.TOUCHED, keyspace.MERGING)


def test_items_that_a_killed_merge_left_behind_are_merged_with_later_ones(redis_url: str) -> None:
    client = redis_client(redis_url)
    like(client, "u1", "a")
    client.rename(keyspace.TOUCHED, keyspace.MERGING)
    like(client, "u1", "b")
    assert merge_touched(client, SETTINGS) == 2
    assert set(popular(client)) == {"a", "b"}
    raw: Any = client.hget(keyspace.POPULARITY, "a")
    assert Popularity.decode(raw).score(SETTINGS.event_weights) == SETTINGS.event_weights["like"]
