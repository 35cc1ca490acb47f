"""Figures that the queries publish of themselves, for `headwater status` and for each other."""

from __future__ import annotations

from typing import Any

from contracts.stored import keyspace
from contracts.stored.statuses import STATE_LOST, StreamingStatus
from streaming.state.client import StateClient


def write_status(client: StateClient, status: StreamingStatus) -> None:
    """Publish figures of the queries; those that are not set stay as they are."""
    client.hset(keyspace.STREAMING_STATUS, items=[text for pair in status.encode().items() for text in pair])


def clear_state_lost(client: StateClient) -> None:
    """Take back that Redis has lost the state."""
    client.hdel(keyspace.STREAMING_STATUS, STATE_LOST)


def read_status(client: StateClient) -> StreamingStatus:
    """What the queries wrote last."""
    fields: Any = client.hgetall(keyspace.STREAMING_STATUS)
    return StreamingStatus.decode(fields)
