"""Who writes the state: `rebuild` waits for the writers at work, later ones wait for it.

Each side raises its own flag before it looks at the other's, so they cannot both go ahead.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from contracts.stored import keyspace
from streaming.state.client import StateClient

# Flags of a process that was killed must not block the other for ever.
_WRITING_SECONDS, _REBUILDING_SECONDS = 300, 30
_POLL_SECONDS = 0.2


@contextmanager
def writing(client: StateClient, writer: str) -> Iterator[None]:
    """Around what a writer of the online query does at a time; waits while a rebuild is at work."""
    while _raise_flag(client, writer):
        client.zrem(keyspace.STATE_WRITERS, writer)
        time.sleep(_POLL_SECONDS)
    try:
        yield
    finally:
        client.zrem(keyspace.STATE_WRITERS, writer)


def _raise_flag(client: StateClient, writer: str) -> bool:
    """Raise a writer's flag; whether a rebuild is at work."""
    with client.pipeline(transaction=False) as pipeline:
        pipeline.zadd(keyspace.STATE_WRITERS, {writer: _now() + 1000 * _WRITING_SECONDS})
        pipeline.exists(keyspace.STATE_REBUILDING)
        return bool(pipeline.execute()[1])


def forget_writers(client: StateClient) -> None:
    """Take down the flags of writers that were killed. Called when none can be at work."""
    client.delete(keyspace.STATE_WRITERS)


@contextmanager
def rebuilding(client: StateClient) -> Iterator[None]:
    """Around a rebuild. Raises RuntimeError where another one is at work."""
    if not client.set(keyspace.STATE_REBUILDING, "rebuild", nx=True, ex=_REBUILDING_SECONDS):
        raise RuntimeError("another `headwater rebuild` is at work: wait for its end")
    done = threading.Event()
    keeper = threading.Thread(target=_keep, args=(client, done), daemon=True)
    keeper.start()
    try:
        while client.zcount(keyspace.STATE_WRITERS, _now(), "+inf"):
            time.sleep(_POLL_SECONDS)
        yield
    finally:
        done.set()
        keeper.join()
        client.delete(keyspace.STATE_REBUILDING)


def _keep(client: StateClient, done: threading.Event) -> None:
    while not done.wait(_REBUILDING_SECONDS / 3):
        client.expire(keyspace.STATE_REBUILDING, _REBUILDING_SECONDS)


def _now() -> int:
    return int(time.time() * 1000)
