"""Reads the user that an answer is for, over a real Redis."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx
import pytest
import redis

from clients.redis.connection import redis_client
from contracts.stored import keyspace, records
from serving.redis.reads import user as reads
from serving.redis.store import Store
from tests.serving.conftest import Client, through_store
from tests.serving.world import World


def calls(client: redis.Redis) -> int:
    """The number of round trips to Redis: a pipeline needs one read from the network."""
    stats: Any = client.info("stats")
    return int(stats["total_reads_processed"])


@pytest.mark.redis_cluster_too
@pytest.mark.parametrize("shards", [1, 7])
def test_the_fresh_list_names_items_that_came_after_the_training(redis_url: str, shards: int) -> None:
    world = World(shards=shards, fresh={"ann": ("v1", (20, 31, 30), (3.0, 2.0, 1.0))})
    world.new_items, world.online_through = ["new a", "new b"], 123_456
    world.write(redis_url)

    found = through_store(redis_url, lambda store: reads.read_user(store, "ann"), redis_shards=shards)
    assert found.fresh_list[:] == [("i20", 3.0), ("new b", 2.0), ("new a", 1.0)]
    assert found.batch_list[0][0] == "i00"
    assert (found.applied_through, found.known_items) == (123_456, {"i00", "i01"})


@pytest.mark.redis_cluster_too
def test_lists_of_another_model_and_unknown_indexes_are_left_out(redis_url: str) -> None:
    World(fresh={"ann": ("v0", (1, 2), (2.0, 1.0)), "bob": ("v1", (99, 3), (2.0, 1.0))}).write(redis_url)

    async def read(store: Store) -> list[Any]:
        return [list((await reads.read_user(store, user)).fresh_list[:]) for user in ("ann", "bob", "eve")]

    assert through_store(redis_url, read) == [[], [("i03", 1.0)], []]


@pytest.mark.redis_cluster_too
def test_each_new_item_is_read_once(redis_url: str) -> None:
    world = World(fresh={"ann": ("v1", (31,), (1.0,))}, new_items=["a", "b"])
    world.write(redis_url)
    client = redis_client(redis_url)

    async def read(store: Store) -> None:
        both = await asyncio.gather(*(reads.read_user(store, "ann") for _ in range(5)))
        assert {each.fresh_list[0] for each in both} == {("b", 1.0)}
        client.rpush(keyspace.new_items("v1"), "c")
        fresh = records.FreshList("v1", 2, {}, (32, 31), (2.0, 1.0))
        client.set(keyspace.fresh("ann", 1), records.encode_fresh(fresh))
        assert (await reads.read_user(store, "ann")).fresh_list[:] == [("c", 2.0), ("b", 1.0)]

    through_store(redis_url, read)
    client.close()


def test_a_user_costs_one_round_trip(redis_url: str) -> None:
    World(fresh={"ann": ("v1", (20, 3), (3.0, 2.0))}).write(redis_url)
    client = redis_client(redis_url)

    async def read(store: Store) -> None:
        await store.warm_up()
        await reads.read_user(store, "ann")  # connections are made
        before = calls(client)
        for _ in range(10):
            await reads.read_user(store, "ann")
        assert calls(client) - before == 10 + 1  # and our own question

    through_store(redis_url, read)
    client.close()


@pytest.mark.redis_cluster_too
def test_a_history_shows_what_still_counts(redis_url: str) -> None:
    client = redis_client(redis_url)

    def entry(event_type: str, moment: int) -> bytes:
        event_id = f"00000000-0000-0000-0000-{moment:012}"
        return records.encode_entry(records.HistoryEntry(event_type, moment, event_id, 1.0))

    history = {
        "liked again": entry("like", 30) + entry("dislike", 20),
        "disliked": entry("like", 10) + entry("dislike", 25),
        "seen after the retraction": entry("view", 40) + entry("purchase", 5) + entry("retract", 35),
    }
    client.hset(keyspace.history("ann", 1), mapping=history)  # type: ignore[arg-type]
    client.close()
    found = through_store(redis_url, lambda store: reads.read_history(store, "ann"))
    assert [(each.item_id, each.entry.event_type) for each in found] == [
        ("seen after the retraction", "view"),
        ("liked again", "like"),
        ("disliked", "dislike"),
    ]


@pytest.mark.redis_cluster_too
def test_the_answer_leads_with_the_fresh_list_and_says_how_old_the_state_is(
    redis_url: str, api: Client
) -> None:
    now = time.time_ns() // 1_000_000
    World(fresh={"ann": ("v1", (20,), (3.0,))}, online_through=now - 5000).write(redis_url)

    async def ask(client: httpx.AsyncClient, user: str) -> dict[str, Any]:
        response = await client.get(f"/v1/users/{user}/recommendations", params={"n": 3})
        answer: dict[str, Any] = response.json()
        return answer

    async def scenario() -> None:
        async with api(redis_url) as client:
            answer = await ask(client, "ann")
        assert [(item["item_id"], item["source"]) for item in answer["items"]] == [
            ("i20", "fresh"),
            ("i10", "als"),
            ("i11", "als"),
        ]
        assert answer["applied_through"] == now - 5000
        assert 5000 <= answer["lag_ms"] < 65_000

    asyncio.run(scenario())


@pytest.mark.redis_cluster_too
def test_an_erased_users_list_is_empty_and_names_nobody(redis_url: str) -> None:
    World(histories={}, top={"ann": [("i01", 1.0)]}).write(redis_url)
    client = redis_client(redis_url)
    client.hset(keyspace.top_n(0, "v1"), "erased", b"")
    client.close()
    assert through_store(redis_url, lambda store: reads.read_user(store, "erased")).batch_list == ()

    async def everyone(store: Store) -> list[str]:
        return [user_id async for user_id in reads.user_ids(store, "v1")]

    assert through_store(redis_url, everyone) == ["ann"]


def test_a_long_history_is_not_read_and_its_items_are_not_recommended(
    redis_url: str, monkeypatch: pytest.MonkeyPatch, api: Client
) -> None:
    """Ann knows more items than an answer reads, so it asks which candidates she knows, some at a time."""
    monkeypatch.setattr(reads, "MANY_KNOWN", 10)
    known = [f"i{n:02}" for n in range(0, 30, 2)]
    World(histories={"ann": known, "bob": ["i05"]}).write(redis_url)
    client = redis_client(redis_url)

    async def scenario() -> None:
        async with api(redis_url) as http:
            for _ in range(2):  # then it is known that the history is long
                client.config_resetstat()
                answer = (await http.get("/v1/users/ann/recommendations", params={"n": 30})).json()
                assert {item["item_id"] for item in answer["items"]} == {f"i{n:02}" for n in range(1, 30, 2)}
                assert (answer["known_items"], answer["stale"]) == (15, False)
                stats: Any = client.info("commandstats")
                assert "cmdstat_hkeys" not in stats
            assert "cmdstat_hrandfield" not in stats
            kept = await http.get("/v1/users/ann/recommendations", params={"n": 30, "known": "keep"})
            assert len(kept.json()["items"]) == 30
            both = {"user_ids": ["ann", "bob"]}
            group = await http.post("/v1/groups/recommendations", params={"n": 30}, json=both)
            assert {item["item_id"] for item in group.json()["items"]}.isdisjoint({*known, "i05"})
            trace = (await http.get("/v1/debug/users/ann/recommendations")).json()
            removed = {each["item_id"] for each in trace["candidates"] if each["removed_by"]}
            assert removed == set(known)
            client.hdel(keyspace.history("ann", 1), *known[:12])
            for _ in range(2):  # short again, and read whole from the next answer on
                answer = (await http.get("/v1/users/ann/recommendations", params={"n": 30})).json()
                assert {item["item_id"] for item in answer["items"]}.isdisjoint(known[12:])
                assert (len(answer["items"]), answer["known_items"]) == (27, 3)

    asyncio.run(scenario())
    client.close()


def test_an_answer_reads_a_few_thousand_of_a_hundred_thousand_known_items_and_only_once(
    redis_url: str,
) -> None:
    world = World()
    world.write(redis_url)
    client, history = redis_client(redis_url), keyspace.history("bot", 1)
    fill = "for i = 1, 100000 do redis.call('HSET', KEYS[1], 'item ' .. i, '') end"
    client.eval(fill, 1, history)

    async def read(store: Store) -> None:
        stats: Any = client.info("stats")
        before = stats["total_net_output_bytes"]
        for _ in range(3):
            found = await reads.read_user(store, "bot")
            assert (found.known_count, len(found.known_items)) == (100_000, 0)
        stats = client.info("stats")
        assert stats["total_net_output_bytes"] - before < 200_000  # all would be 1.8 MB, each time
        asked = ["item 7", "i00", "item 100000"]
        assert await reads.known_among(store, ["ann", "bot"], asked) == set(asked)

    through_store(redis_url, read)
    client.close()
