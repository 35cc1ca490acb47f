"""Figures that the queries publish of themselves, for `headwater status` and for each other."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from contracts.stored import keyspace
from contracts.stored.statuses import STATE_LOST, StreamingStatus
from streaming.state.client import RedisError, StateClient, connect_briefly


def write_status(client: StateClient, status: StreamingStatus) -> None:
    """Publish figures of the queries; those that are not set stay as they are."""
    client.hset(keyspace.STREAMING_STATUS, items=[text for pair in status.encode().items() for text in pair])


def report(url: str, status: StreamingStatus) -> None:
    """The same, if Redis takes it within a second: the lake must not wait for it, nor end with it."""
    with suppress(RedisError):
        write_status(connect_briefly(url), status)


def clear_state_lost(client: StateClient) -> None:
    """Take back that Redis has lost the state."""
    client.hdel(keyspace.STREAMING_STATUS, STATE_LOST)


def read_status(client: StateClient) -> StreamingStatus:
    """What the queries wrote last."""
    fields: Any = client.hgetall(keyspace.STREAMING_STATUS)
    return StreamingStatus.decode(fields)
