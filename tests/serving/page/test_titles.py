from __future__ import annotations

import asyncio
import json

import pytest
import redis

from contracts.stored import keyspace, records
from serving.page import titles as titles_module
from serving.page.titles import FRESH_SECONDS, Titles
from serving.redis.store import Store
from tests.serving.conftest import NOBODY, through_store


def write_items(url: str, *numbers: int) -> None:
    client = redis.Redis.from_url(url)
    for number in numbers:
        entry = {"kind": "item", "id": f"i{number}", "title": f"Film {number}", "updated_at": 1}
        client.hset(keyspace.CATALOG_ITEMS, f"i{number}", records.encode_catalog(1, json.dumps(entry)))
    client.close()


def test_titles_are_read_once_and_again_after_a_minute(redis_url: str) -> None:
    write_items(redis_url, *range(700))
    now = [0.0]

    async def read(store: Store) -> tuple[int, int, int]:
        titles = Titles(store, clock=lambda: now[0])
        first = len(await titles.by_item())
        await asyncio.to_thread(write_items, redis_url, 700)
        second = len(await titles.by_item())
        now[0] = FRESH_SECONDS + 1
        await titles.by_item()  # begins to read, and gets what there was
        while len(await titles.by_item()) == second:
            await asyncio.sleep(0.01)
        return first, second, len(await titles.by_item())

    assert through_store(redis_url, read, redis_timeout_seconds=30) == (700, 700, 701)


def test_at_most_a_fixed_number_of_titles_is_read(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write_items(redis_url, *range(3000))
    monkeypatch.setattr(titles_module, "MAX_ITEMS", 1000)

    async def read(store: Store) -> int:
        return len(await Titles(store).by_item())

    assert 1000 <= through_store(redis_url, read, redis_timeout_seconds=30) < 3000


def test_titles_that_could_not_be_read_are_read_at_a_later_search() -> None:
    async def read(store: Store) -> list[int]:
        titles = Titles(store)
        return [len(await titles.by_item()), len(await titles.by_item())]

    assert through_store(f"redis://{NOBODY}/0", read) == [0, 0]
