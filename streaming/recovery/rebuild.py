"""Recomputes the state in Redis from the lake, and from the records that the lake does not have yet."""

from __future__ import annotations

import logging
from typing import NamedTuple

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from clients.topic_admin import topic_begins, topic_ends, topic_ids
from contracts import topics
from contracts.catalog import ERASURE
from contracts.settings import StreamingSettings
from contracts.stored import keyspace, lake
from contracts.stored.lake import Table
from contracts.topics import PartitionOffsets, Topic, created_again, offsets_of, without_topics
from streaming.lake.offsets import lake_offsets
from streaming.lake.retention import older_than
from streaming.lake.sink import holds_nothing
from streaming.online.tasks import apply_lake, apply_records
from streaming.online.touched_items import merge_touched
from streaming.records.source import EARLIEST, read_partitions_between
from streaming.recovery.live_figures import write_live_figures
from streaming.state.applied_offsets import read_applied, read_topic_ids, write_applied, write_topic_ids
from streaming.state.client import connect
from streaming.state.gate import rebuilding
from streaming.state.keys import clear_state, is_there, mark_written, state_digest, take_mark_away
from streaming.state.retention import bound_at, move_bound, note_bound_of_state, now_ms
from streaming.state.status import clear_state_lost

log = logging.getLogger("headwater.rebuild")


class Rebuilt(NamedTuple):
    """Digests of the state before and after; equal if nothing was wrong and nothing new arrived."""

    before: str
    after: str


def rebuild(spark: SparkSession, settings: StreamingSettings) -> Rebuilt:
    """Delete the state and write it again, while the online query waits.

    Raises RuntimeError if another rebuild runs, BrokerUnavailableError if Kafka does not answer.
    """
    client = connect(settings.redis_url.get_secret_value())
    with rebuilding(client):
        kept_since = move_bound(client, bound_at(now_ms(), settings.events_keep_days))
        # Read in this order because both grow meanwhile; a record that is read twice changes nothing.
        ids = topic_ids(settings)
        again = created_again(read_topic_ids(client), ids)
        in_lake = without_topics(again, lake_offsets(spark, settings))
        present = topic_ends(settings)
        # Only records that the online query has applied; it will apply the others itself.
        applied = without_topics(again, read_applied(client, keyspace.APPLIED_ONLINE))
        bounds = bounds_within(present, applied)
        of_lake = bounds_of_lake(in_lake, present, bounds)
        interactions = _read(spark, settings, lake.INTERACTIONS, topics.INTERACTIONS, of_lake)
        entries = _read(spark, settings, lake.CATALOG, topics.CATALOG, of_lake)
        may_lack_rows = kept_since > 0 or not entries.filter(F.col("kind") == ERASURE).isEmpty()
        starts, ends = _beyond_lake(settings, in_lake, present, bounds, may_lack_rows)
        tail = read_partitions_between(spark, settings, starts, ends)
        merge_touched(client, settings)
        before = state_digest(client)
        # Until the state is written again, answers say that they are stale, also if this rebuild is killed.
        take_mark_away(client)
        clear_state(client)
        apply_lake(interactions.filter(~older_than(kept_since)), entries, settings)
        apply_records(tail, settings, fold_in=False)
        write_live_figures(spark, client, settings)
        note_bound_of_state(client, kept_since)
        mark_written(client)
        # A flush deleted the offsets too, and partitions without new records would never get one again.
        write_applied(client, keyspace.APPLIED_ONLINE, ends | bounds)
        write_topic_ids(client, ids)
        clear_state_lost(client)
        return Rebuilt(before, state_digest(client))


def prepare_state(spark: SparkSession, settings: StreamingSettings) -> None:
    """Before the queries start: rebuild a state that Redis has lost, or that an older version wrote.

    The lake's tables must exist. At a first start the topics are read from their beginning: nothing to do.
    """
    client = connect(settings.redis_url.get_secret_value())
    move_bound(client, bound_at(now_ms(), settings.events_keep_days))
    if is_there(client):
        return
    if holds_nothing(spark, settings.lake_uri) and not read_applied(client, keyspace.APPLIED_ONLINE):
        clear_state(client)
        mark_written(client)
        return
    log.warning("Redis does not hold the state of version %d: rebuilding it from the lake", keyspace.STATE)
    rebuild(spark, settings)


def _read(
    spark: SparkSession, settings: StreamingSettings, table: Table, topic: Topic, bounds: PartitionOffsets
) -> DataFrame:
    """A table's rows below the bounds. A partition without a bound (after a flush of Redis) is read
    completely."""
    rows = spark.read.format("delta").load(table.path(settings.lake_uri))
    for number, bound in offsets_of(topic, bounds).items():
        elsewhere = F.col("kafka_partition") != number
        rows = rows.filter(elsewhere | (F.col("kafka_offset") < bound))
    return rows


def _beyond_lake(
    settings: StreamingSettings,
    in_lake: PartitionOffsets,
    present: PartitionOffsets,
    bounds: PartitionOffsets,
    may_lack_rows: bool,
) -> tuple[PartitionOffsets, PartitionOffsets]:
    """The start and end offsets of the records after the lake's last one and below the bounds."""
    kept = topic_begins(settings) if may_lack_rows else {}
    ends = {name: bounds.get(name, end) for name, end in present.items()}
    # If the lake is ahead of the online query, nothing is read.
    starts = {
        name: min(ends[name], first_to_read(in_lake.get(name), kept.get(name, 0), end))
        for name, end in present.items()
    }
    return starts, ends


def bounds_within(present: PartitionOffsets, applied: PartitionOffsets) -> PartitionOffsets:
    """The applied offsets without those beyond a partition's end: they belong to an earlier topic."""
    return {name: offset for name, offset in applied.items() if offset <= present.get(name, -1)}


def bounds_of_lake(
    in_lake: PartitionOffsets, present: PartitionOffsets, applied: PartitionOffsets
) -> PartitionOffsets:
    """The offsets below which the lake's rows count; absent where the lake reaches beyond its partition's
    end.

    There it holds rows of an earlier topic with that name, whose offsets say nothing about what is applied.
    """
    created_anew = {name for name, end in present.items() if in_lake.get(name, 0) > end}
    return {name: offset for name, offset in applied.items() if name not in created_anew}


def first_to_read(reached: int | None, kept: int, end: int) -> int:
    """The first offset that the lake lacks and Kafka still keeps; ``reached`` is None without a row.

    If an erasure or EVENTS_KEEP_DAYS deleted a partition's newest rows, the lake seems to end before
    ``kept``. If the lake reaches beyond the topic's ``end``, the topic was created again and is read
    completely, since events may be applied twice.
    """
    return EARLIEST if reached is None or not kept <= reached <= end else reached
