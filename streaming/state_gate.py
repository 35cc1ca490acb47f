"""One writer of the state at a time: `rebuild` waits for the batch at work, later batches wait for it.

Each side raises its own flag before it looks at the other's, so they cannot both go ahead.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from contracts import keyspace
from streaming.redis_sink import StateClient

# Flags of a process that was killed must not block the other for ever.
_BUSY_SECONDS, _REBUILDING_SECONDS = 300, 30
_POLL_SECONDS = 0.2


@contextmanager
def writing_batch(client: StateClient) -> Iterator[None]:
    """Around one batch of the online query; waits while a rebuild is at work."""
    client.set(keyspace.STATE_BUSY, "online", ex=_BUSY_SECONDS)
    while client.exists(keyspace.STATE_REBUILDING):
        client.delete(keyspace.STATE_BUSY)
        time.sleep(_POLL_SECONDS)
        client.set(keyspace.STATE_BUSY, "online", ex=_BUSY_SECONDS)
    try:
        yield
    finally:
        client.delete(keyspace.STATE_BUSY)


@contextmanager
def rebuilding(client: StateClient) -> Iterator[None]:
    """Around a rebuild. Raises RuntimeError where another one is at work."""
    if not client.set(keyspace.STATE_REBUILDING, "rebuild", nx=True, ex=_REBUILDING_SECONDS):
        raise RuntimeError("another `headwater rebuild` is at work: wait for its end")
    done = threading.Event()
    keeper = threading.Thread(target=_keep, args=(client, done), daemon=True)
    keeper.start()
    try:
        while client.exists(keyspace.STATE_BUSY):
            time.sleep(_POLL_SECONDS)
        yield
    finally:
        done.set()
        keeper.join()
        client.delete(keyspace.STATE_REBUILDING)


def _keep(client: StateClient, done: threading.Event) -> None:
    while not done.wait(_REBUILDING_SECONDS / 3):
        client.expire(keyspace.STATE_REBUILDING, _REBUILDING_SECONDS)
