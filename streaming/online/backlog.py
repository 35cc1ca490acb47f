"""Applies a backlog in batches of limited size. After large ones, the catch-up folds the users in."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from math import ceil

from pyspark.sql import SparkSession

from contracts.settings import StreamingSettings
from contracts.stored import keyspace
from contracts.topics import PartitionOffsets
from streaming.online.tasks import apply_records
from streaming.records.source import read_partitions_between
from streaming.runtime.hold_points import STATE_WRITTEN, hold
from streaming.state.applied_offsets import Move, advance_applied, write_applied
from streaming.state.client import StateClient
from streaming.state.gate import writing

log = logging.getLogger("headwater.online")


def apply_between(
    spark: SparkSession,
    client: StateClient,
    settings: StreamingSettings,
    starts: Mapping[str, int],
    ends: Mapping[str, int],
    epoch: int = 0,
) -> int:
    """Apply the records between the offsets, then store ``ends`` as the applied offsets.

    Returns the number of records; 0 if Redis does not have ``starts`` any more: then it went back to an older
    state meanwhile, which lacks more than these records, and its offsets stay. ``epoch`` is that of the
    service's lease. Raises ReplacedError.
    """
    records = read_partitions_between(spark, settings, starts, ends)
    with writing(client, "backlog"):
        # Steps 1 to 3 of streaming/online/micro_batch.py; then step 4, when every task has ended.
        applied = apply_records(records, settings, settings.fold_in)
        hold(STATE_WRITTEN)
        moves = {name: Move(starts[name], end) for name, end in ends.items()}
        if changed := advance_applied(client, moves, epoch):
            log.warning("%s is not at %d in Redis any more: applying it again", changed, starts[changed])
            return 0
        if applied.records:
            times = dict.fromkeys(applied.next, applied.through)
            write_applied(client, keyspace.APPLIED_TIMES, times)
    return applied.records


def next_part(starts: Mapping[str, int], ends: Mapping[str, int], most: int) -> PartitionOffsets:
    """The end offsets of a backlog's next part: about ``most`` records, the same share of each partition."""
    left = {source: max(0, end - starts[source]) for source, end in ends.items()}
    share = min(1.0, most / max(1, sum(left.values())))
    return {source: starts[source] + ceil(count * share) for source, count in left.items()}


def may_go_live(left: int, left_before: int | None, most: int) -> bool:
    """Whether the query goes live with ``left`` records to apply, of which up to ``most`` are no backlog.

    ``left_before``: how many there were before the last batch; None: there was none. The live query takes
    seconds to start and applies what has come meanwhile record by record, so a tenth must do: with more it
    would often be behind again at once. But batches that do not get much nearer to the end are only late.
    """
    if left <= most // 10:
        return True
    return left <= most and left_before is not None and left > left_before / 2
