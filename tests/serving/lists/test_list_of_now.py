"""Lists by the trends of now, over a real Redis, beside those of the online query."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
import redis

from contracts.stored import keyspace
from contracts.stored.records import decode_fresh
from streaming.fold_in.counters import Counters
from streaming.fold_in.lists import fold_in_users
from streaming.fold_in.model import load
from streaming.fold_in.new_items import NewItems
from tests.serving.conftest import Client
from tests.serving.requests import post
from tests.streaming.news_in_redis import CUT_MS, SETTINGS, WORLD, apply_reads, publish_trends

WEIGHTS = {
    "trend/hour": 1.0,
    "trend/5min": 0.5,
    "popularity": -0.1,
    "transitions_recent/3": 0.3,
    "item_to_item/15": 0.2,
    "factors": 0.1,
}
_LIVE_SETTINGS = {"redis_shards": SETTINGS.redis_shards}


class Site(NamedTuple):
    """A reader of the news site, and the name of the item of each index."""

    reader: str
    client: redis.Redis

    def place_new_items(self) -> None:
        """Give new items their indexes, as every list of the online query does."""
        model = load(self.client, "v1")
        assert model is not None
        Counters().sums(self.client, model, NewItems(), SETTINGS)

    def online_list(self) -> list[tuple[str, float]]:
        """The list that the online query would make now."""
        self.place_new_items()
        assert fold_in_users(self.client, [self.reader], {}, SETTINGS) == []
        raw: Any = self.client.get(keyspace.fresh(self.reader, SETTINGS.redis_shards))
        new: Any = self.client.lrange(keyspace.new_items("v1"), 0, -1)
        model = load(self.client, "v1")
        assert model is not None
        names = [*(item.decode() for item in model.index), *(item.decode() for item in new)]
        fresh = decode_fresh(raw)
        return [(names[place], score) for place, score in zip(fresh.indexes, fresh.scores, strict=True)]


@pytest.fixture
def site(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """The reader's stored list is of the time before the last hours; a half of the items is new."""
    monkeypatch.setattr("streaming.fold_in.counters.pause_after", lambda _: -1.0)
    reads = WORLD.reads()
    known, later = np.flatnonzero(reads.times_ms <= CUT_MS), np.flatnonzero(reads.times_ms > CUT_MS)
    trained = 1 + int(reads.items[known].max()) // 2
    reader = int(reads.users[known[-1]])
    of_others = later[reads.users[later] != reader]
    with redis.Redis.from_url(redis_url) as client:
        client.set(keyspace.STATE_VERSION, keyspace.STATE)
        publish_trends(client, reads, known[reads.items[known] < trained], trained, WEIGHTS)
        apply_reads(client, reads, known)
        found = Site(f"u{reader}", client)
        found.online_list()
        apply_reads(client, reads, of_others)
        found.place_new_items()
        yield found


def _answer(redis_url: str, api: Client, path: str, **query: str) -> list[dict[str, Any]]:
    async def scenario() -> list[dict[str, Any]]:
        async with api(redis_url, **_LIVE_SETTINGS) as client:
            answer = await client.get(path, params={"n": "10", **query})
            items: list[dict[str, Any]] = answer.json()["items"]
            return items

    return asyncio.run(scenario())


def test_a_user_who_comes_back_gets_the_list_that_the_online_query_would_make_now(
    redis_url: str, api: Client, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.lists.list_of_now._STANDS_MS", -1)
    stored = _places_in_store(site)
    path = f"/v1/users/{site.reader}/recommendations"
    served = [(item["item_id"], item["score"]) for item in _answer(redis_url, api, path)]
    online = site.online_list()
    assert [item for item, _ in served] == [item for item, _ in online]
    assert [score for _, score in served] == pytest.approx([score for _, score in online], abs=1e-3)
    assert [item for item, _ in served] != stored


def _places_in_store(site: Site) -> list[str]:
    raw: Any = site.client.get(keyspace.fresh(site.reader, SETTINGS.redis_shards))
    return [f"a{place}" for place in decode_fresh(raw).indexes]


@pytest.mark.parametrize("stands_ms", [-1, 3_600_000])
def test_shares_add_up_to_the_served_score_even_after_trends_have_moved(
    redis_url: str, api: Client, site: Site, monkeypatch: pytest.MonkeyPatch, stands_ms: int
) -> None:
    monkeypatch.setattr("serving.lists.list_of_now._STANDS_MS", stands_ms)
    path = f"/v1/users/{site.reader}/recommendations"
    items = _answer(redis_url, api, path, explain="true")
    assert len(items) == 10
    for item in items:
        because = item["because"]
        assert because["score"] == pytest.approx(item["score"], abs=1e-5)
        assert sum(because["signals"].values()) == pytest.approx(item["score"], abs=1e-5)
    assert any(item["because"]["signals"]["trend"] > 0 for item in items)


def test_a_list_made_just_now_is_kept(
    redis_url: str, api: Client, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.lists.list_of_now._STANDS_MS", 3_600_000)
    path = f"/v1/users/{site.reader}/recommendations"
    assert [item["item_id"] for item in _answer(redis_url, api, path)][:5] == _best_in_store(site, 5)


def _best_in_store(site: Site, many: int) -> list[str]:
    raw: Any = site.client.get(keyspace.fresh(site.reader, SETTINGS.redis_shards))
    new: Any = site.client.lrange(keyspace.new_items("v1"), 0, -1)
    model = load(site.client, "v1")
    assert model is not None
    names = [*(item.decode() for item in model.index), *(item.decode() for item in new)]
    return [names[place] for place in decode_fresh(raw).indexes[:many]]


def test_given_items_and_sessions_are_ranked_by_the_same_trends(
    redis_url: str, api: Client, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.lists.list_of_now._STANDS_MS", -1)
    online = site.online_list()
    given = {"item_ids": [item for item, _ in online[::-1]]}

    async def scenario() -> None:
        async with api(redis_url, **_LIVE_SETTINGS) as client:
            path = f"/v1/users/{site.reader}/rank"
            ranked = (await client.post(path, json=given, params={"explain": "true"})).json()["items"]
            history = (await client.get(f"/v1/users/{site.reader}/history", params={"n": "500"})).json()
            read = [{"item_id": each["item_id"], "event_type": "view"} for each in history["items"][::-1]]
            session = (await post(client, read, n=10))["items"]
        assert [item["item_id"] for item in ranked] == [item for item, _ in online]
        scores = [item["score"] for item in ranked]
        assert scores == pytest.approx([score for _, score in online], abs=1e-3)
        for item in ranked:
            assert sum(item["because"]["signals"].values()) == pytest.approx(item["score"], abs=1e-5)
        # A session has no times of its own: the same trends and an order that is nearly the same.
        assert len({item["item_id"] for item in session} & {item for item, _ in online}) >= 8

    asyncio.run(scenario())


def test_where_no_signal_has_a_weight_the_stored_list_is_kept(
    redis_url: str, api: Client, site: Site
) -> None:
    key = keyspace.manifest("v1")
    raw: Any = site.client.get(key)
    manifest = json.loads(raw)
    manifest["blend"]["cold"] = {}
    site.client.set(key, json.dumps(manifest))
    site.client.delete(keyspace.fresh(site.reader, SETTINGS.redis_shards))  # as cold as a user can be
    assert _answer(redis_url, api, f"/v1/users/{site.reader}/recommendations")
