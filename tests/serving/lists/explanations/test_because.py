"""Because you liked, over a real Redis."""

from __future__ import annotations

import asyncio

import pytest
import redis

from contracts.stored import keyspace, records
from tests.serving.blend_world import blend_world
from tests.serving.conftest import Client
from tests.serving.world import World


@pytest.mark.parametrize("made", [World(), blend_world(with_known_items=True)])
def test_each_row_names_the_liked_item_that_it_resembles(redis_url: str, api: Client, made: World) -> None:
    made.write(redis_url)
    client_of_test = redis.Redis.from_url(redis_url)
    neighbours = records.encode_ranked([2, 20, 0], [0.9, 0.8, 0.7])
    client_of_test.hset(keyspace.similar_items("v1"), "i01", neighbours)
    client_of_test.close()

    async def scenario() -> None:
        async with api(redis_url) as client:
            rows = (await client.get("/v1/users/ann/because")).json()["rows"]
            # The newest liked first; i02 is like both and stands once, i00 and i01 are known.
            assert [(row["item_id"], [i["item_id"] for i in row["items"]]) for row in rows] == [
                ("i01", ["i02", "i20"])
            ]
            assert rows[0]["title"] == "Title i01"
            assert (await client.get("/v1/users/nobody/because")).json()["rows"] == []

    asyncio.run(scenario())
