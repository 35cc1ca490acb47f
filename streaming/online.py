"""The online query: a backlog in bounded frames, then live; again whenever it has fallen behind.

Where it begins is what Redis says is applied: the offsets lie beside the state that they speak of, and after
a crash both are as old.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Mapping

from pyspark.sql import SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from clients.topic_reach import TopicReach
from contracts import keyspace
from contracts.settings import StreamingSettings
from streaming import redis_sink
from streaming.backlog import Offsets, apply_between, by_topic, count_between, slice_of
from streaming.live_query import StateWentBackError, start_live
from streaming.query_end import ended
from streaming.session import task_slots
from streaming.source import TOPICS
from streaming.state_gate import forget_writers, writing
from streaming.state_watch import StateWatch
from streaming.touched_items import merge_touched

log = logging.getLogger("headwater.online")
_LOOK_SECONDS = 0.2


class Online(threading.Thread):
    """Works until ``stop``; an error ends the thread and is kept in ``error``."""

    def __init__(self, spark: SparkSession, settings: StreamingSettings) -> None:
        super().__init__(name="online", daemon=True)
        self._spark, self._settings = spark, settings
        self._client = redis_sink.connect(settings.redis_url.get_secret_value())
        self._reach = TopicReach(settings.kafka_bootstrap_servers, TOPICS)
        self._watch = StateWatch(self._client)
        self._stopping = threading.Event()
        self._is_short = False  # of task slots
        # A bounded frame also passes offsets without a record (a transaction's end, a compacted entry): to a
        # live task's first record they look like a Redis that went back.
        self._went_back = False
        self._lost = ""  # what the last look has put right
        self.is_replaying = True  # whether a backlog is worked off: folding its users in waits for its end
        self.error: BaseException | None = None

    def stop(self) -> None:
        """End after what is at work."""
        self._stopping.set()
        self._reach.stop()

    def run(self) -> None:
        """The loop."""
        self._spark.sparkContext.setLocalProperty("spark.scheduler.pool", "online")
        try:
            forget_writers(self._client)
            self._reach.start()
            while not self._stopping.is_set():
                has_room = self._has_room()
                is_lenient = has_room and not self._went_back
                self._work_off_backlog(self._settings.online_backlog_events if is_lenient else 0)
                self._went_back = False
                if has_room:
                    self._follow()
                else:
                    self._stopping.wait(_LOOK_SECONDS)
                    self._look()
        except BaseException as error:
            self.error = error
            raise

    def _has_room(self) -> bool:
        """Whether Spark has a task slot for each partition, and one for the others."""
        slots, partitions = task_slots(self._spark), len(self._reach.newest().ends)
        has_room = slots > partitions
        if not has_room and not self._is_short:
            log.warning(
                "not live: Spark runs %d tasks at a time, the live query takes one for each of %d "
                "partitions, and the lake needs one; records are applied in small batches meanwhile. "
                "Give it more cores",
                slots,
                partitions,
            )
        self._is_short = not has_room
        return has_room

    def _work_off_backlog(self, most_left: int) -> None:
        """Apply in bounded frames until no more records than that are left."""
        while not self._stopping.is_set():
            ends, starts = self._reach.newest().ends, self._position()
            left = count_between(starts, ends)
            self.is_replaying = left > self._settings.online_backlog_events
            if left <= most_left:
                return
            part = slice_of(starts, ends, self._settings.online_max_events_per_trigger)
            count = apply_between(self._spark, self._client, self._settings, starts, part)
            left = count_between(self._look(), self._reach.newest().ends)
            log.info("%d records applied, %d left", count, left)

    def _position(self) -> Offsets:
        """Where Redis says that each partition stands; one that it does not know stands at its beginning."""
        applied = redis_sink.read_applied(self._client, keyspace.APPLIED_ONLINE)
        missing = self._reach.newest().ends.keys() - applied.keys()
        begins = self._reach.begins() if missing else {}
        return {source: applied.get(source, begins.get(source, 0)) for source in self._reach.newest().ends}

    def _follow(self) -> None:
        """Run the live query until it has fallen behind, or Redis went back."""
        if self._stopping.is_set():
            return
        starts = self._position()
        redis_sink.write_applied(self._client, keyspace.APPLIED_ONLINE, starts)
        query = start_live(self._spark, self._settings, by_topic(starts))
        log.info("live from %s", starts)
        try:
            while not self._stopping.wait(_LOOK_SECONDS):
                reason, applied = ended(query), self._look()
                # A worker that has seen it first cannot say so before its partition's next record.
                back = _went_back(query) if reason else behind(starts, applied) or self._lost
                if back:
                    log.warning("Redis went back (%s): applying it again", back)
                    self._went_back = True
                    return
                if reason:
                    raise RuntimeError(reason)
                if count_between(applied, self._reach.newest().ends) > self._settings.online_backlog_events:
                    return
                starts = applied
        finally:
            self._stop_quietly(query)
            self._merge()

    def _look(self) -> Offsets:
        """What has to be seen to some times a second. Returns what is applied."""
        self._lost = "its state is gone" if self._watch.look() else ""
        self._merge()
        reach = self._reach.newest()  # before what is applied: the latter may be ahead, never behind
        applied = redis_sink.read_applied(self._client, keyspace.APPLIED_ONLINE)
        times = redis_sink.read_applied(self._client, keyspace.APPLIED_TIMES)
        lagging = [source for source, end in reach.ends.items() if applied.get(source, 0) < end]
        if all(source in times for source in lagging):
            through = min((times[source] for source in lagging), default=reach.asked_at)
            redis_sink.write_status(self._client, {"online_through": str(through)})
        return applied

    def _stop_quietly(self, query: StreamingQuery) -> None:
        # Spark reports tasks that are stopped as failures, at length.
        self._spark.sparkContext.setLogLevel("OFF")
        query.stop()
        self._spark.sparkContext.setLogLevel("ERROR")

    def _merge(self) -> None:
        if self._client.exists(keyspace.TOUCHED, keyspace.MERGING):
            with writing(self._client, "merge"):
                merge_touched(self._client, self._settings)


def behind(before: Mapping[str, int], now: Mapping[str, int]) -> str:
    """Which partitions stand before where they stood; empty where none does."""
    back = [source for source, offset in before.items() if now.get(source, 0) < offset]
    return ", ".join(f"{source} from {before[source]} to {now.get(source)}" for source in back)


def _went_back(query: StreamingQuery) -> str | None:
    """What a worker said of a Redis that went back, if that ended the query."""
    found = re.search(rf"{StateWentBackError.__name__}: (.*)", str(query.exception()))
    return found and found[1]
