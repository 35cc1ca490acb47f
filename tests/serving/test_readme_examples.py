"""The README's curls, unchanged, with the API over a real Redis and broker."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
from pathlib import Path
from typing import NamedTuple

import redis

from contracts.stored import keyspace
from tests.serving.conftest import Client
from tests.serving.world import factor_world

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


class Asked(NamedTuple):
    """The request that a curl sends."""

    method: str
    url: str
    body: object | None


def curls(text: str) -> list[Asked]:
    """Every curl of a document; a line that ends with a backslash continues on the next one."""
    found = []
    for line in re.findall(r"^curl (.+)$", text.replace("\\\n", " "), re.MULTILINE):
        words = shlex.split(line)
        method = words[words.index("-X") + 1] if "-X" in words else "GET"
        (place,) = [word for word in words if word.startswith("localhost:8000/")]
        body = json.loads(words[words.index("-d") + 1]) if "-d" in words else None
        found.append(Asked(method, place.removeprefix("localhost:8000"), body))
    return found


def test_the_api_answers_each_curl_example_of_the_readme(
    redis_url: str, fresh_topics: str, api: Client
) -> None:
    factor_world().write(redis_url)
    client = redis.Redis.from_url(redis_url)
    client.zadd(keyspace.POPULAR, {"i42": 1.0})  # the item has an event
    client.close()
    asked = curls(README)
    assert len(asked) == 5

    async def scenario() -> None:
        patient = {"kafka_bootstrap_servers": fresh_topics, "kafka_timeout_seconds": 20}
        async with api(redis_url, **patient) as served:
            for method, url, body in asked:
                answer = await served.request(method, url, json=body)
                assert answer.status_code in (200, 202), (url, answer.text)

    asyncio.run(scenario())
