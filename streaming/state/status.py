"""Figures that the queries publish about themselves, for `headwater status` and for each other."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from contracts.stored import keyspace
from contracts.stored.statuses import NEWEST_EVENT, STATE_LOST, StreamingStatus
from streaming.state.client import RedisError, StateClient, connect_briefly
from streaming.state.script import lua


def write_status(client: StateClient, status: StreamingStatus) -> None:
    """Publish figures of the queries. Those that are not set stay unchanged."""
    client.hset(keyspace.STREAMING_STATUS, items=[text for pair in status.encode().items() for text in pair])


def report(url: str, status: StreamingStatus) -> None:
    """Publish figures unless that takes longer than a second. It never fails, so the lake query can use
    it."""
    with suppress(RedisError):
        write_status(connect_briefly(url), status)


def note_newest_event(client: StateClient, event_time: int) -> None:
    """Note that an event of this time (epoch ms) is applied; an earlier time changes nothing."""
    script = client.register_script(lua(__package__, "raise_status.lua"))
    script(keys=[keyspace.STREAMING_STATUS], args=[NEWEST_EVENT, event_time])


def clear_state_lost(client: StateClient) -> None:
    """Withdraw the report that Redis has lost the state."""
    client.hdel(keyspace.STREAMING_STATUS, STATE_LOST)


def read_status(client: StateClient) -> StreamingStatus:
    """The figures that the queries published last."""
    fields: Any = client.hgetall(keyspace.STREAMING_STATUS)
    return StreamingStatus.decode(fields)
