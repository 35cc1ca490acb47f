"""Figures that the queries publish of themselves, for `headwater status` and for each other."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from contracts.stored import keyspace
from contracts.stored.statuses import NEWEST_EVENT, STATE_LOST, StreamingStatus
from streaming.state.client import RedisError, StateClient, connect_briefly
from streaming.state.script import lua


def write_status(client: StateClient, status: StreamingStatus) -> None:
    """Publish figures of the queries; those that are not set stay as they are."""
    client.hset(keyspace.STREAMING_STATUS, items=[text for pair in status.encode().items() for text in pair])


def report(url: str, status: StreamingStatus) -> None:
    """The same, if Redis takes it within a second: the lake must not wait for it, nor end with it."""
    with suppress(RedisError):
        write_status(connect_briefly(url), status)


def note_newest_event(client: StateClient, event_time: int) -> None:
    """Events up to this time (epoch ms) are applied; an earlier time changes nothing."""
    script = client.register_script(lua(__package__, "raise_status.lua"))
    script(keys=[keyspace.STREAMING_STATUS], args=[NEWEST_EVENT, event_time])


def clear_state_lost(client: StateClient) -> None:
    """Take back that Redis has lost the state."""
    client.hdel(keyspace.STREAMING_STATUS, STATE_LOST)


def read_status(client: StateClient) -> StreamingStatus:
    """What the queries wrote last."""
    fields: Any = client.hgetall(keyspace.STREAMING_STATUS)
    return StreamingStatus.decode(fields)
