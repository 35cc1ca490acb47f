"""Keeps `rebuild` and the writers of the state apart: it waits for present ones, and later ones wait for it.

Each side sets its own flag before it reads the other's, so the two never write at the same time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from contracts.stored import keyspace
from streaming.state.client import StateClient

# The flag of a killed process must expire, or it would block the other side for ever.
_WRITING_SECONDS, _REBUILDING_SECONDS = 300, 30
_POLL_SECONDS = 0.2


@contextmanager
def writing(client: StateClient, writer: str) -> Iterator[None]:
    """Wait while a rebuild runs, then mark the block as a write of the online query."""
    while _raise_flag(client, writer):
        client.zrem(keyspace.STATE_WRITERS, writer)
        time.sleep(_POLL_SECONDS)
    try:
        yield
    finally:
        client.zrem(keyspace.STATE_WRITERS, writer)


def _raise_flag(client: StateClient, writer: str) -> bool:
    """Set a writer's flag. Returns whether a rebuild runs."""
    with client.pipeline(transaction=False) as pipeline:
        pipeline.zadd(keyspace.STATE_WRITERS, {writer: _now() + 1000 * _WRITING_SECONDS})
        pipeline.exists(keyspace.STATE_REBUILDING)
        return bool(pipeline.execute()[1])


def forget_writers(client: StateClient) -> None:
    """Delete the flags of killed writers. To be called when no writer can be running."""
    client.delete(keyspace.STATE_WRITERS)


@contextmanager
def rebuilding(client: StateClient) -> Iterator[None]:
    """Mark the block as a rebuild. Raises RuntimeError if another one runs."""
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
