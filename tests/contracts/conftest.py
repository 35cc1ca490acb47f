from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
import redis


@pytest.fixture
def used_memory(redis_url: str) -> Callable[[], int]:
    """Bytes that Redis uses, once it has dropped the buffers of connections that were closed."""

    def used() -> int:
        found = [-1]
        while len(found) < 4 or len(set(found[-3:])) > 1:
            time.sleep(0.02)
            client = redis.Redis.from_url(redis_url)
            info: Any = client.info("memory")
            client.close()
            found.append(int(info["used_memory"]) // 1024)
        return found[-1] * 1024

    return used
