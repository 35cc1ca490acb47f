from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import redis

from contracts.stored import redis_structures
from contracts.stored.redis_structures import (
    INTEGER,
    REAL,
    allocation_size,
    hash_bytes,
    key_bytes,
    string_bytes,
    table_bytes,
    zset_bytes,
)


@pytest.mark.parametrize(("size", "expected"), [(1, 8), (17, 32), (128, 128), (129, 160), (257, 320)])
def test_an_allocation_takes_the_next_size_class(size: int, expected: int) -> None:
    assert allocation_size(size) == expected


@pytest.mark.parametrize(("entries", "expected"), [(1, 32), (5, 64), (1024, 8192), (1025, 16_384)])
def test_the_size_of_a_hash_table_is_the_next_power_of_two(entries: int, expected: int) -> None:
    assert table_bytes(entries) == expected


def as_asked(size: int) -> int:
    """The bytes that a Redis with the C library's allocator counts: the requested size and a word."""
    return size + 8


@pytest.fixture(autouse=True)
def the_servers_allocator(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The formulas are jemalloc's; the server that these tests found may have been built without it."""
    client = redis.Redis.from_url(redis_url)
    if str(client.info("memory")["mem_allocator"]).startswith("libc"):
        monkeypatch.setattr(redis_structures, "allocation_size", as_asked)
    client.close()


Write = Callable[[Any, str], Any]
Grown = Callable[[Write, int], float]


@pytest.fixture
def bytes_per_key(redis_url: str, used_memory: Callable[[], int]) -> Callable[[Write, int], float]:
    """How many bytes a key takes, without the buffers of the connection that wrote."""

    def measure(write: Write, keys: int) -> float:
        before = used_memory()
        client = redis.Redis.from_url(redis_url)
        with client.pipeline(transaction=False) as pipe:
            for key in range(keys):
                write(pipe, f"key:{key:06d}")
            pipe.execute()
        client.close()
        return (used_memory() - before) / keys

    return measure


def _keys(fields: int) -> int:
    return max(40, 8192 // fields)


# Both encodings of each structure, and both sides of the thresholds.
@pytest.mark.parametrize(("fields", "size"), [(1, 29), (40, 29), (512, 29), (513, 29), (40, 87), (700, 800)])
def test_a_hash_takes_the_predicted_memory(bytes_per_key: Grown, fields: int, size: int) -> None:
    values = {f"i{n:07d}": b"\xff" * size for n in range(fields)}
    found = bytes_per_key(lambda pipe, key: pipe.hset(key, mapping=values), _keys(fields))
    assert hash_bytes(fields, 8, size) + key_bytes(10) == pytest.approx(found, rel=0.15)


@pytest.mark.parametrize("members", [1, 20, 128, 129, 1000])
@pytest.mark.parametrize("scale", [1, 1 / 7], ids=["integer", "real"])
def test_a_sorted_set_takes_the_predicted_memory(bytes_per_key: Grown, members: int, scale: float) -> None:
    scores = {f"i{n:07d}": (1_760_000_000_000 + n) * scale for n in range(members)}
    found = bytes_per_key(lambda pipe, key: pipe.zadd(key, scores), _keys(members))
    predicted = zset_bytes(members, 8, INTEGER if scale == 1 else REAL) + key_bytes(10)
    assert predicted == pytest.approx(found, rel=0.15)


@pytest.mark.parametrize("size", [10, 44, 45, 830, 70_000])
def test_a_string_takes_the_predicted_memory(bytes_per_key: Grown, size: int) -> None:
    found = bytes_per_key(lambda pipe, key: pipe.set(key, b"\xff" * size, ex=1000), _keys(1 + size // 100))
    assert string_bytes(size) + key_bytes(10, expires=True) == pytest.approx(found, rel=0.15)


def test_an_empty_structure_takes_no_memory() -> None:
    assert hash_bytes(0, 8, 8) == zset_bytes(0, 8, REAL) == 0
