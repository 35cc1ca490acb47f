"""One micro-batch of the online query: the state and the fresh lists in Redis, then how far it has come."""

from __future__ import annotations

import json
import logging
import time
from collections import defaultdict
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack

from pyspark.sql import DataFrame, SparkSession

from contracts import keyspace
from contracts.settings import StreamingSettings
from streaming import redis_sink
from streaming.hold_points import STATE_WRITTEN, hold
from streaming.merged_lists import merge_items
from streaming.online_sink import Applied, applied_records, collected, merged
from streaming.redis_sink import StateClient
from streaming.source import EARLIEST, read_partitions_between
from streaming.state_gate import writing_batch
from streaming.state_keys import is_there

log = logging.getLogger("headwater.online")
_QUIET_SECONDS = 2.0  # after a large batch: if none follows, the replay is over


def gaps_before(first: Mapping[str, int], reached: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    """What lies between a state and a batch that starts at ``first``: from, to by "topic:partition".

    A state without a partition's offset holds nothing of it: the gap starts at its beginning, if it has any.
    """
    return {
        source: (reached.get(source, EARLIEST), offset)
        for source, offset in first.items()
        if reached.get(source, 0) < offset
    }


class OnlineBatch:
    """Applies batches; replaying one is harmless (see redis_sink)."""

    def __init__(self, settings: StreamingSettings) -> None:
        self._settings = settings
        self._is_lost = False
        self._replay_seen = float("-inf")
        # A batch's merge runs while Spark commits it and plans the next one.
        self._finisher = ThreadPoolExecutor(1, thread_name_prefix="online-batch")
        self._finishing: Future[None] | None = None

    @property
    def is_replaying(self) -> bool:
        """Whether a backlog is worked off: folding users in waits for its end."""
        return time.monotonic() - self._replay_seen < _QUIET_SECONDS

    def resume(self, spark: SparkSession, committed: Mapping[str, int]) -> None:
        """Before the query starts: apply what Spark has committed and Redis lacks; next offsets by partition.

        A batch killed before its end, or a Redis that went back, would wait for the next event otherwise.
        """
        client = redis_sink.connect(self._settings.redis_url.get_secret_value())
        with writing_batch(client):
            if is_there(client) and self._fill_gaps(spark, client, committed):
                redis_sink.write_applied(client, keyspace.APPLIED_ONLINE, dict(committed))

    def write(self, reports: DataFrame, batch_id: int) -> None:
        """The foreachBatch function, of a stream of `applied_records`. Raises what the last one's end raised.

        Killed before a batch is ended, its applied offsets stay behind: the next start sees the gap.
        """
        started = time.monotonic()
        self.finish()
        client = redis_sink.connect(self._settings.redis_url.get_secret_value())
        with ExitStack() as gate:
            gate.enter_context(writing_batch(client))
            self._watch(client)
            if self.is_replaying:
                self._replay_seen = float("inf")  # until this batch says what it was
            items, applied = collected(reports)
            if not self._is_lost:
                self._fill_gaps(reports.sparkSession, client, applied.first)
            gate_until_ended = gate.pop_all()
        self._finishing = self._finisher.submit(
            self._end, client, gate_until_ended, items, applied, batch_id, started
        )
        is_large = applied.records > self._settings.fold_in_max_events
        self._replay_seen = time.monotonic() if is_large else float("-inf")

    def finish(self) -> None:
        """Wait for the end of the batch at work. Raises what it raised."""
        finishing, self._finishing = self._finishing, None
        if finishing is not None:
            finishing.result()

    def failure(self) -> BaseException | None:
        """What ended the last batch's end, if anything did."""
        finishing = self._finishing
        return finishing.exception() if finishing is not None and finishing.done() else None

    def _end(
        self,
        client: StateClient,
        gate: ExitStack,
        items: set[str],
        applied: Applied,
        batch_id: int,
        started: float,
    ) -> None:
        with gate:
            merge_items(client, items, self._settings)
            hold(STATE_WRITTEN)
            # Within the gate: a rebuild goes as far as this says, no further.
            redis_sink.write_applied(client, keyspace.APPLIED_ONLINE, applied.next)
        seconds = time.monotonic() - started
        status = {"online_batch": str(batch_id), "online_batch_seconds": f"{seconds:.3f}"}
        redis_sink.write_status(client, status | {"online_through": str(applied.through)})
        log.info("batch %d: %d records in %.2f s", batch_id, applied.records, seconds)

    def _watch(self, client: StateClient) -> None:
        """Raise the alarm when the state that was written is gone: Redis was flushed, or restarted empty."""
        lost = not is_there(client)
        if lost and not self._is_lost:
            log.error("the state in Redis is gone (flushed, or restarted empty): run `headwater rebuild`")
            redis_sink.write_status(client, {"state_lost": str(int(time.time() * 1000))})
        self._is_lost = lost

    def _fill_gaps(self, spark: SparkSession, client: StateClient, first: Mapping[str, int]) -> bool:
        """Apply what lies between Redis' applied offsets and these. Whether anything did.

        A Redis that restarted may have lost it: its applied offsets went back with its state.
        """
        gaps = gaps_before(first, redis_sink.read_applied(client, keyspace.APPLIED_ONLINE))
        if not gaps:
            return False
        log.warning("Redis lacks %s: applying it again", gaps)
        starts: dict[str, dict[str, int]] = defaultdict(dict)
        ends: dict[str, dict[str, int]] = defaultdict(dict)
        for source, (start, end) in gaps.items():
            topic, partition = source.rsplit(":", 1)
            starts[topic][partition], ends[topic][partition] = start, end
        records = read_partitions_between(spark, self._settings, json.dumps(starts), json.dumps(ends))
        merged(applied_records(records, self._settings, self._settings.fold_in), self._settings)
        return True
