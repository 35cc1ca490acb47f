"""An operator's rules, over a real Redis."""

from __future__ import annotations

import asyncio

from tests.serving.conftest import Client, until
from tests.serving.requests import ids
from tests.serving.world import labelled_world


def test_operator_rules_hold_in_every_process_after_its_next_refresh(redis_url: str, api: Client) -> None:
    labelled_world().write(redis_url)
    rules = {"deny": ["i10"], "editorial": ["i20", "i21"], "boosts": {"Comedy": 2.0}}

    async def scenario() -> None:
        async with api(redis_url) as client, api(redis_url) as other:
            assert (await client.get("/v1/rules")).json()["deny"] == []
            answer = await client.put("/v1/rules", json=rules)
            assert answer.json() == {**rules, "allow": []}
            await until(lambda: ids(other, "/v1/users/nobody/recommendations", n=2), ["i21", "i01"])
            for each in (client, other):
                assert await ids(each, "/v1/users/nobody/recommendations", n=2) == ["i21", "i01"]
                assert "i10" not in await ids(each, n=30)
            await client.put("/v1/rules", json={"allow": ["i20", "i05", "i00"]})
            assert await ids(client) == ["i05", "i20"]
            bad = await client.put("/v1/rules", json={"boosts": {"Comedy": -1}})
            assert bad.status_code == 422

    asyncio.run(scenario())
