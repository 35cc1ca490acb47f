"""Moves the bound of EVENTS_KEEP_DAYS and writes the state again without the events before it."""

from __future__ import annotations

import logging
import threading
import time

from pyspark.sql import SparkSession

from contracts.settings import StreamingSettings
from streaming.recovery.rebuild import rebuild
from streaming.state.client import connect
from streaming.state.retention import bound_at, has_older_events, move_bound, now_ms

log = logging.getLogger("headwater.retention")
_LOOK_SECONDS = 60.0


class Retention(threading.Thread):
    """Looks once a minute until ``stop``. A failure is logged and tried again.

    The lake query deletes its rows by itself, once it sees that the bound has moved.
    """

    def __init__(self, spark: SparkSession, settings: StreamingSettings) -> None:
        super().__init__(name="retention", daemon=True)
        self._spark, self._settings = spark, settings
        self._stopping = threading.Event()

    def stop(self) -> None:
        """End after the present look."""
        self._stopping.set()

    def run(self) -> None:
        """The loop."""
        self._spark.sparkContext.setLocalProperty("spark.scheduler.pool", "lake")
        while not self._stopping.wait(_LOOK_SECONDS):
            try:
                self.look()
            except Exception as error:
                log.warning("events before the bound are still in the state, tried again later: %s", error)

    def look(self) -> bool:
        """Move the bound if its time has come. Returns whether the state was written again."""
        client = connect(self._settings.redis_url.get_secret_value())
        bound = move_bound(client, bound_at(now_ms(), self._settings.events_keep_days))
        if not has_older_events(client):
            return False
        started = time.monotonic()
        rebuild(self._spark, self._settings)
        seconds = time.monotonic() - started
        log.info("events before %d ms do not count any more; the state was written in %.0f s", bound, seconds)
        return True
