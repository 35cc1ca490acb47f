"""What Redis says of a run: applied offsets, the model, popularity; and the one write, a training request."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import redis

from contracts import keyspace
from contracts.records import Popularity

_TIMEOUT_SECONDS = 2.0
_SCAN_COUNT = 2000


class RedisUnavailableError(Exception):
    """Redis did not answer in time."""


class RedisState:
    """A view of one Redis."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def applied(self, key: str) -> dict[str, int]:
        """Next offset by "topic:partition", of APPLIED_ONLINE or APPLIED_LAKE."""
        return {field: int(value) for field, value in self._hash(key).items()}

    def streaming_status(self) -> dict[str, str]:
        """What the streaming service says of itself."""
        return self._hash(keyspace.STREAMING_STATUS)

    def training_status(self) -> dict[str, str]:
        """What the trainer says of itself."""
        return self._hash(keyspace.TRAINING_STATUS)

    def model(self) -> dict[str, Any] | None:
        """The current model's manifest, None before the first."""
        version = self._client.get(keyspace.CURRENT_MODEL)
        raw = self._client.get(keyspace.manifest(cast(bytes, version).decode())) if version else None
        return json.loads(cast(bytes, raw)) if raw else None

    def raters(self) -> int:
        """The sum of raters over all items."""
        found = self._client.hscan_iter(keyspace.POPULARITY, count=_SCAN_COUNT)
        # HSCAN may return a field twice while the hash grows.
        return sum({item: Popularity.decode(raw).raters for item, raw in found}.values())

    def request_training(self) -> int:
        """Ask for a round now; the number of the request."""
        return int(self._client.incr(keyspace.TRAINING_REQUESTS))

    def _hash(self, key: str) -> dict[str, str]:
        raw = cast("dict[bytes, bytes]", self._client.hgetall(key))
        return {field.decode(): value.decode() for field, value in raw.items()}


@contextmanager
def redis_state(url: str) -> Iterator[RedisState]:
    """A view with short timeouts. Raises RedisUnavailableError when Redis does not answer."""
    client = redis.Redis.from_url(
        url,
        socket_timeout=_TIMEOUT_SECONDS,
        socket_connect_timeout=_TIMEOUT_SECONDS,
        retry=None,
    )
    try:
        yield RedisState(client)
    except (redis.ConnectionError, redis.TimeoutError) as error:
        raise RedisUnavailableError(str(error)) from error
    finally:
        client.close()
