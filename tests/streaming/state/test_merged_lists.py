from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import redis

from clients.redis.connection import redis_client
from contracts.settings import StateSettings
from contracts.stored import keyspace
from contracts.stored.records import HistoryEntry
from streaming.state.apply import CatalogRecord, UserEvent, apply_catalog, apply_events
from streaming.state.keys import state_digest
from streaming.state.merged_lists import merge_items

pytestmark = pytest.mark.redis_cluster_too

STATE = StateSettings(redis_shards=2, trend_half_lives=(3600, 86_400))
ID = "00000000-0000-4000-8000-000000000000"
DAY = 86_400_000


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis_client(redis_url) as connection:
        connection.flushall()
        yield connection


def entry(item: str, moment: int, *categories: str) -> CatalogRecord:
    return CatalogRecord("item", item, moment, json.dumps({"categories": categories}))


def rate(client: redis.Redis, user: str, item: str, moment: int, value: float) -> None:
    event = UserEvent(user, item, HistoryEntry("rating", moment, ID, value))
    apply_events(client, [event], STATE)


def test_a_catalogue_item_without_events_is_popular_with_score_zero_and_not_trending(
    client: redis.Redis,
) -> None:
    apply_catalog(client, [entry("unseen", 1, "Drama"), entry("rated", 1)])
    rate(client, "a", "rated", 1, 4.0)
    merge_items(client, ["unseen", "rated"], STATE)
    assert client.zrange(keyspace.POPULAR, 0, -1, withscores=True) == [(b"unseen", 0.0), (b"rated", 4.0)]
    assert client.zrange(keyspace.popular_in("Drama"), 0, -1) == [b"unseen"]
    assert client.zrange(keyspace.trending(3600), 0, -1) == [b"rated"]


def test_recent_likes_trend_above_more_likes_long_ago(client: redis.Redis) -> None:
    for n in range(10):
        rate(client, f"u{n}", "old", 100 * DAY, 5.0)
    rate(client, "a", "new", 110 * DAY, 4.0)
    merge_items(client, ["old", "new"], STATE)
    assert client.zrevrange(keyspace.POPULAR, 0, -1) == [b"old", b"new"]
    assert client.zrevrange(keyspace.trending(86_400), 0, -1) == [b"new", b"old"]


def test_a_trending_score_is_the_decayed_sum_in_half_lives(client: redis.Redis) -> None:
    rate(client, "a", "x", 100 * DAY, 4.0)
    rate(client, "b", "x", 101 * DAY, 2.0)
    merge_items(client, ["x"], STATE)
    score = client.zscore(keyspace.trending(86_400), "x")
    assert 2.0 ** (score - 101) == pytest.approx(2.0 + 4.0 / 2)


def test_an_item_leaves_the_lists_of_the_categories_that_it_loses(client: redis.Redis) -> None:
    rate(client, "a", "x", DAY, 4.0)
    apply_catalog(client, [entry("x", 1, "Drama", "War")])
    merge_items(client, ["x"], STATE)
    apply_catalog(client, [entry("x", 2, "War", "Comedy")])
    merge_items(client, ["x"], STATE)
    lists = {c: client.zrange(keyspace.popular_in(c), 0, -1) for c in ("Drama", "War", "Comedy")}
    assert lists == {"Drama": [], "War": [b"x"], "Comedy": [b"x"]}
    assert client.zrange(keyspace.trending_in(3600, "Drama"), 0, -1) == []
    assert client.zrange(keyspace.trending_in(3600, "Comedy"), 0, -1) == [b"x"]
    digest = state_digest(client)
    client.flushall()
    apply_catalog(client, [entry("x", 2, "War", "Comedy")])
    rate(client, "a", "x", DAY, 4.0)
    merge_items(client, ["x"], STATE)
    assert state_digest(client) == digest


def test_merging_more_items_than_a_chunk_places_them_all(client: redis.Redis) -> None:
    items = [f"i{n}" for n in range(2500)]
    apply_catalog(client, [entry(item, 1) for item in items])
    merge_items(client, items, STATE)
    assert client.zcard(keyspace.POPULAR) == 2500
