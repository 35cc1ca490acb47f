from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
import redis

from contracts.stored import keyspace
from serving.lists.export import export_recommendations
from serving.redis.store import StoreError
from tests.serving.conftest import Client, settings_of
from tests.serving.world import World


@pytest.mark.parametrize("shards", [1, 5])
def test_the_exported_file_has_the_answer_of_the_api_for_every_user(
    redis_url: str, api: Client, tmp_path: Path, shards: int
) -> None:
    world = World(shards=shards)
    world.histories |= {f"user {i}": [f"i{i % 30:02}"] for i in range(100)}
    world.top["only in the model"] = [("i07", 0.5)]
    world.write(redis_url)
    file = tmp_path / "new folder" / "lists.jsonl"
    reports: list[tuple[int, int]] = []

    async def scenario() -> list[dict[str, object]]:
        settings = settings_of(redis_url=redis_url, redis_shards=shards)
        written = await export_recommendations(settings, file, 7, lambda *seen: reports.append(seen))
        assert written == 103
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        async with api(redis_url, redis_shards=shards) as client:
            for line in lines[::10]:
                path = f"/v1/users/{line['user_id']}/recommendations"
                answer = (await client.get(path, params={"n": 7})).json()
                assert line["items"] == [item["item_id"] for item in answer["items"]]
        return lines

    lines = asyncio.run(scenario())
    assert [line["user_id"] for line in lines] == sorted([*world.histories, "only in the model"])
    assert all(len(line["items"]) == 7 for line in lines)  # type: ignore[arg-type]
    assert reports[0] == (0, 103)
    assert reports[-1] == (103, 103)
    assert [each.name for each in file.parent.iterdir()] == ["lists.jsonl"]


def test_a_failed_export_leaves_the_old_file_unchanged(redis_url: str, tmp_path: Path) -> None:
    World().write(redis_url)
    file = tmp_path / "lists.jsonl"
    file.write_text("old")
    client = redis.Redis.from_url(redis_url)
    key = keyspace.history("broken", 1)
    client.set(key, "a string where a hash belongs")
    client.close()
    with pytest.raises(StoreError):
        asyncio.run(export_recommendations(settings_of(redis_url=redis_url), file, 5, lambda *_: None))
    assert file.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["lists.jsonl"]


def test_an_empty_redis_gives_an_empty_file(redis_url: str, tmp_path: Path) -> None:
    file = tmp_path / "lists.jsonl"
    settings = settings_of(redis_url=redis_url)
    assert asyncio.run(export_recommendations(settings, file, 5, lambda *_: None)) == 0
    assert file.read_text() == ""
