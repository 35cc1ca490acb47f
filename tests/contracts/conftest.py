from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis


@pytest.fixture
def used_memory(redis_url: str) -> Iterator[Callable[[], int]]:
    """Bytes that Redis uses, once it has dropped old tables and the buffers of closed connections."""
    client = redis.Redis.from_url(redis_url)
    # A table that has grown keeps its smaller one until Redis has moved all, a millisecond each cycle.
    usual = client.config_get("hz")["hz"]
    client.config_set("hz", 500)

    def used_bytes() -> int:
        found = [-1]
        while len(found) < 6 or len(set(found[-5:])) > 1:
            time.sleep(0.02)
            with redis.Redis.from_url(redis_url) as asking:
                info: Any = asking.info("memory")
            found.append(int(info["used_memory"]) // 1024)
        return found[-1] * 1024

    yield used_bytes
    client.config_set("hz", usual)
    client.close()
