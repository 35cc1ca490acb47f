"""The connection to Redis that every part of streaming uses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice
from typing import TypeVar

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

StateClient = redis.Redis
T = TypeVar("T")
_CHUNK = 1000
_RETRIES = 30  # about a minute: a restarting Redis delays a batch, it does not end the query


@cache
def connect(url: str) -> redis.Redis:
    """One client per process and address (Spark keeps its Python workers)."""
    retry = Retry(ExponentialBackoff(cap=2, base=0.05), _RETRIES)
    return redis.Redis.from_url(url, socket_timeout=30, socket_connect_timeout=5, retry=retry)


def chunks(rows: Iterable[T]) -> Iterator[list[T]]:
    """Lists of what one pipeline carries."""
    iterator = iter(rows)
    while chunk := list(islice(iterator, _CHUNK)):
        yield chunk
