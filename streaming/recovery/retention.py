"""Moves the bound of EVENTS_KEEP_DAYS and writes the state again without the events before it."""

from __future__ import annotations

import logging
import time

from pyspark.sql import SparkSession

from contracts.settings import StreamingSettings
from streaming.recovery.rebuild import rebuild
from streaming.state.client import connect
from streaming.state.retention import bound_at, has_older_events, move_bound, now_ms

log = logging.getLogger("headwater.retention")


def apply_retention(spark: SparkSession, settings: StreamingSettings) -> bool:
    """Move the bound if its time has come. Returns whether the state was written again.

    The lake query deletes its rows by itself, once it sees that the bound has moved.
    """
    client = connect(settings.redis_url.get_secret_value())
    bound = move_bound(client, bound_at(now_ms(), settings.events_keep_days))
    if not has_older_events(client):
        return False
    started = time.monotonic()
    rebuild(spark, settings)
    seconds = time.monotonic() - started
    log.info("events before %d ms do not count any more; the state was written in %.0f s", bound, seconds)
    return True
