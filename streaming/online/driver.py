"""Drives the online query: a backlog in batches, then live, and again whenever the query has fallen behind.

`streaming/online/micro_batch.py` says what happens to the records on either path.

The query begins at the applied offsets in Redis. They are stored beside the state that they describe, so
after a crash the two still agree.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Iterable, Set

from pyspark.sql import SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from clients.event_producer import BrokerUnavailableError
from clients.topic_admin import topic_begins, topic_ends
from clients.topic_reach import TopicReach
from contracts.settings import StreamingSettings
from contracts.stored import keyspace
from contracts.stored.statuses import StreamingStatus
from contracts.topics import PartitionOffsets, TopicIds, by_topic, lag, lagging
from streaming.online.backlog import apply_between, may_go_live, next_part
from streaming.online.live import start_live
from streaming.online.micro_batch import UndecidedSchemaError
from streaming.online.offsets_without_records import EndsWithoutRecord
from streaming.online.position import StateWentBackError
from streaming.online.state_watch import StateWatch
from streaming.online.touched_items import is_unmerged, merge_touched
from streaming.runtime.query_end import end_reason
from streaming.runtime.quiet_stop import stop_quietly
from streaming.runtime.session import task_slots
from streaming.state.applied_offsets import move_applied, read_applied
from streaming.state.client import connect
from streaming.state.gate import forget_writers, writing
from streaming.state.patience import Patience
from streaming.state.status import write_status

log = logging.getLogger("headwater.online")
_LOOK_SECONDS = 0.2  # between two looks at offsets and state
_BATCHES_SECONDS = 10.0
_MERGES = 4  # for each look; the API ranks by merged trends, so they must be newer than that
_NEW_PARTITIONS_SECONDS = 1.0  # until TopicReach has seen them too


class Online(threading.Thread):
    """The thread of the online query, until ``stop``. An error ends it and is kept in ``error``."""

    def __init__(
        self, spark: SparkSession, settings: StreamingSettings, epoch: Callable[[], int] = lambda: 0
    ) -> None:
        super().__init__(name="online", daemon=True)
        self._spark, self._settings = spark, settings
        self._epoch = epoch  # the epoch of the service's lease
        self._client = connect(settings.redis_url.get_secret_value())
        self._reach = TopicReach(settings)
        self._watch = StateWatch(self._client)
        self._ends_without_record = EndsWithoutRecord(self._client, settings)
        self._stopping = threading.Event()
        self._patience = Patience(self._stopping.wait)
        # While records of unknown schemas come, their batches ask the registry; the live query cannot.
        self._batches_until = 0.0
        self._is_short = False  # whether there are too few task slots
        self._partitions: Set[str] = frozenset()  # the partitions that the present turn began with
        self._first_ends: PartitionOffsets = {}  # the topics' ends at the start
        self.is_catching_up = True  # whether records from before the start are not applied yet
        # whether a backlog is being applied; the fold-in of its users waits for its end
        self.is_replaying = True
        self.error: BaseException | None = None

    @property
    def topic_ids(self) -> TopicIds:
        """The topics' ids as Kafka told them a few seconds ago; {} before its first answer."""
        return self._reach.ids

    def stop(self) -> None:
        """End after the present micro-batch."""
        self._stopping.set()
        self._reach.stop()

    def run(self) -> None:
        """Take turns until ``stop``. Waits while Redis is full or not reachable; raises any other error."""
        self._spark.sparkContext.setLocalProperty("spark.scheduler.pool", "online")
        try:
            self._reach.start()
            self._first_ends = self._reach.newest().ends
            is_first = True
            while not self._stopping.is_set():
                try:
                    if is_first:
                        forget_writers(self._client)
                    is_first = False
                    self._take_turn()
                except Exception as error:
                    if not (self._patience.wait(error) or self._has_new_partitions()):
                        raise
        except BaseException as error:
            self.error = error
            raise

    def _take_turn(self) -> None:
        """Apply a backlog, then run the live query until it ends.

        Raises an error if Redis is full or not reachable.
        """
        # This write shows whether Redis accepts writes, before Spark starts a query in vain.
        write_status(self._client, StreamingStatus(writable=int(time.time() * 1000)))
        self._patience.is_over()
        self._partitions = self._reach.newest().ends.keys()
        may_follow = self._has_room() and time.monotonic() >= self._batches_until
        self._work_off_backlog(may_follow)
        if may_follow:
            self._follow()
        else:
            self._stopping.wait(_LOOK_SECONDS)
            self._look()

    def _has_room(self) -> bool:
        """Whether Spark has a task slot for each partition, and one for the others."""
        slots, partitions = task_slots(self._spark), len(self._reach.newest().ends)
        has_room = slots > partitions
        if not has_room and not self._is_short:
            log.warning(
                "not live: Spark runs %d tasks at a time, the live query takes one for each of %d "
                "partitions, and the lake needs one; records are applied in small batches meanwhile. "
                "Give it more cores; on a local master a restart adds the slots",
                slots,
                partitions,
            )
        self._is_short = not has_room
        return has_room

    def _has_new_partitions(self) -> bool:
        """Whether partitions were added in this turn.

        Spark ends its query with an error when it sees them, which may be before this thread sees them.
        """
        try:
            now = topic_ends(self._settings).keys()
        except BrokerUnavailableError:
            return False
        has_new = now > self._partitions
        if has_new:
            log.info("Kafka has new partitions, so Spark ended the live query; it starts again with them")
            self._stopping.wait(_NEW_PARTITIONS_SECONDS)
        return has_new

    def _work_off_backlog(self, may_follow: bool) -> None:
        """Apply in batches of limited size until nothing is left, or the live query may follow."""
        most, left_before = self._settings.online_backlog_events, None
        while not self._stopping.is_set():
            ends = self._reach.newest().ends
            starts = self._read_starts(ends)
            left = lag(ends, starts)
            self.is_replaying = left > most
            if not left or (may_follow and may_go_live(left, left_before, most)):
                return
            part = next_part(starts, ends, self._settings.online_max_events_per_trigger)
            count = apply_between(self._spark, self._client, self._settings, starts, part, self._epoch())
            self._look()
            log.info("%d records applied, %d left", count, self._count_left())
            left_before = left

    def _read_starts(self, partitions: Iterable[str]) -> PartitionOffsets:
        """The applied offset of each partition; where Redis has none, the oldest offset that Kafka keeps.

        That one is stored, so that Redis is seen to go back from it too.
        """
        applied = read_applied(self._client, keyspace.APPLIED_ONLINE)
        if absent := set(partitions) - applied.keys():
            begins = topic_begins(self._settings)
            first = {name: begins.get(name, 0) for name in absent}
            move_applied(self._client, first, self._epoch())
            applied |= first
        return {name: applied[name] for name in partitions}

    def _count_left(self) -> int:
        return lag(self._reach.newest().ends, self._watch.applied)

    def _follow(self) -> None:
        """Run the live query until it has fallen behind, or Redis went back to an older state."""
        if self._stopping.is_set():
            return
        starts = self._read_starts(self._reach.newest().ends)
        query = start_live(self._spark, self._settings, by_topic(starts), self._epoch())
        log.info("live from %s", starts)
        try:
            while not self._merge_for(self._reach.pause_seconds()):
                reason, back = end_reason(query), self._look()
                if reason and not back:
                    back = _what_went_back(query)
                # The worker notices it too, but only at the next record of its partition.
                if back:
                    log.warning("Redis went back (%s): applying it again", back)
                    return
                if reason and _met_unknown_schema(query):
                    log.info("a record of an unknown schema came: batches ask the registry for it")
                    self._batches_until = time.monotonic() + _BATCHES_SECONDS
                    return
                if reason:
                    raise RuntimeError(reason)
                if self._reach.newest().ends.keys() > starts.keys():
                    log.info("Kafka has new partitions: live again with them")
                    return
                if self._count_left() > self._settings.online_backlog_events:
                    break
        finally:
            stop_quietly(self._spark, query)
            self._merge()

    def _look(self) -> str:
        """Check offsets and state, and report progress; called a few times a second.

        Returns which partitions went back in Redis, as text; empty if none did.
        """
        reach = self._reach.newest()  # read before the applied offsets, so that those are never behind it
        back = self._watch.look()
        self.is_catching_up = self.is_catching_up and lag(self._first_ends, self._watch.applied) > 0
        self._merge()
        if not back:
            self._ends_without_record.pass_over(reach.ends, self._watch.applied)
        times = read_applied(self._client, keyspace.APPLIED_TIMES)
        behind = lagging(reach.ends, self._watch.applied)
        if behind.keys() <= times.keys():
            through = min((times[name] for name in behind), default=reach.asked_at)
            write_status(self._client, StreamingStatus(online_through=through))
        return back

    def _merge_for(self, seconds: float) -> bool:
        """Merge touched items until the next look is due. Returns whether the query has to end."""
        for _ in range(_MERGES - 1):
            if self._stopping.wait(seconds / _MERGES):
                return True
            self._merge()
        return self._stopping.wait(seconds / _MERGES)

    def _merge(self) -> None:
        if is_unmerged(self._client):
            with writing(self._client, "merge"):
                merge_touched(self._client, self._settings)


def _what_went_back(query: StreamingQuery) -> str:
    """The worker's message if it ended the query because Redis went back, else an empty text."""
    found = re.search(rf"{StateWentBackError.__name__}: (.*)", str(query.exception()))
    return found[1] if found else ""


def _met_unknown_schema(query: StreamingQuery) -> bool:
    """Whether a worker ended the query because it met a record of an unknown schema."""
    return UndecidedSchemaError.__name__ in str(query.exception() or "")
