from __future__ import annotations

import asyncio

import pytest
import redis

from contracts.stored import keyspace
from serving.lists.together import rank_by_surprise
from tests.serving.conftest import Client
from tests.serving.world import World


def test_an_item_that_is_popular_with_everyone_does_not_rank_first() -> None:
    together = {"sequel": 20.0, "blockbuster": 30.0, "once": 1.0}
    users = {"sequel": 25, "blockbuster": 5000, "once": 2}
    found = rank_by_surprise(together, users, 10_000)
    assert found[0].item_id == "sequel"
    assert found[0].lift > 100
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)


def test_pairs_that_are_rarer_than_by_chance_are_left_out() -> None:
    found = rank_by_surprise(
        {"blockbuster": 10.0, "sequel": 90.0}, {"blockbuster": 9000, "sequel": 50}, 10_000
    )
    assert [each.item_id for each in found] == ["sequel"]
    assert rank_by_surprise({}, {}, 0) == []


@pytest.mark.parametrize("shards", [1, 3])
def test_counts_of_all_shards_add_up(redis_url: str, api: Client, shards: int) -> None:
    World(shards=shards).write(redis_url)
    client_of_test = redis.Redis.from_url(redis_url)
    for shard in range(shards):
        client_of_test.zadd(keyspace.together("i05", shard), {"i20": 6.0 / shards, "i00": 3.0 / shards})
    client_of_test.close()

    async def scenario() -> None:
        async with api(redis_url, redis_shards=shards) as client:
            answer = (await client.get("/v1/items/i05/together")).json()
            assert (answer["items"][0]["item_id"], answer["items"][0]["users"]) == ("i20", 6.0)
            assert answer["items"][0]["title"] == "Title i20"
            assert answer["items"][0]["rank"] == 1
            assert (await client.get("/v1/items/i09/together")).json()["items"] == []

    asyncio.run(scenario())
