"""The connection to Redis that every part of streaming uses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice
from typing import TypeVar

import redis
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.retry import Retry

from clients.redis.connection import redis_client

StateClient = redis.Redis
RedisError = redis.RedisError
T = TypeVar("T")
_CHUNK = 1000
_RETRIES = 30  # about a minute, so that a restart of Redis delays a batch but does not end the query


@cache
def connect(url: str) -> redis.Redis:
    """One client per process and address (Spark keeps its Python workers)."""
    retry = Retry(ExponentialBackoff(cap=2, base=0.05), _RETRIES)
    return redis_client(url, socket_timeout=30, socket_connect_timeout=5, retry=retry)


@cache
def connect_briefly(url: str) -> redis.Redis:
    """A connection for figures that must not delay anything: a timeout of one second and no retry."""
    return redis_client(url, socket_timeout=1, socket_connect_timeout=1, retry=Retry(NoBackoff(), 0))


def chunks(rows: Iterable[T]) -> Iterator[list[T]]:
    """Split rows into lists that each fit into one pipeline."""
    iterator = iter(rows)
    while chunk := list(islice(iterator, _CHUNK)):
        yield chunk
