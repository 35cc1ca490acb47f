"""Does a piece of work again and again beside the queries."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from pyspark.sql import SparkSession

log = logging.getLogger("headwater.streaming")


class RepeatedWork(threading.Thread):
    """Does its work every ``every_seconds`` in Spark's pool of the lake until ``stop``.

    A failure is logged, and the work is tried again. ``what_waits`` says in a few words what is not done
    then.
    """

    def __init__(
        self,
        name: str,
        spark: SparkSession,
        work: Callable[[], object],
        every_seconds: float,
        what_waits: str,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self._spark, self._work, self._what_waits = spark, work, what_waits
        self._every_seconds = every_seconds
        self._stopping = threading.Event()

    def stop(self) -> None:
        """End after the present piece of work."""
        self._stopping.set()

    def run(self) -> None:
        """The loop."""
        self._spark.sparkContext.setLocalProperty("spark.scheduler.pool", "lake")
        while not self._stopping.wait(self._every_seconds):
            try:
                self._work()
            except Exception as error:
                log.warning("%s, tried again later: %s", self._what_waits, error)
