"""Recomputes the state in Redis from the lake, and from the records that the lake does not have yet."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import NamedTuple

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from clients.topic_admin import topic_ends, topic_ids
from contracts import topics
from contracts.settings import StreamingSettings
from contracts.stored import keyspace, lake
from contracts.stored.lake import Table
from contracts.topics import PartitionOffsets, Topic, created_again, of_topics, offsets_of, without_topics
from streaming.lake.offsets import kept_records, lake_reach
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
        reach = lake_reach(spark, settings)
        present = topic_ends(settings)
        # Only records that the online query has applied; it will apply the others itself.
        applied = without_topics(again, read_applied(client, keyspace.APPLIED_ONLINE))
        bounds = bounds_within(present, applied)
        to_come = {name: (max(begin, reach.kept[name]), present[name]) for name, begin in bounds.items()}
        interactions = _read(spark, settings, lake.INTERACTIONS, topics.INTERACTIONS, to_come)
        entries = _read(spark, settings, lake.CATALOG, topics.CATALOG, to_come)
        ends = {name: bounds.get(name, end) for name, end in present.items()}
        # If the lake is ahead of the online query, nothing is read.
        starts = {name: min(end, reach.present.get(name, EARLIEST)) for name, end in ends.items()}
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
    spark: SparkSession,
    settings: StreamingSettings,
    table: Table,
    topic: Topic,
    to_come: Mapping[str, tuple[int, int]],
) -> DataFrame:
    """A table's rows without those of records that the online query will apply itself.

    ``to_come`` has the offsets of such records, from and to; a partition without them (after a flush of
    Redis) is read completely. Rows of earlier topics are read, whatever their offsets.
    """
    rows = spark.read.format("delta").load(table.path(settings.lake_uri))
    bounds = offsets_of(topic, {name: start for name, (start, _) in to_come.items()})
    is_late = F.lit(False)
    for number, bound in bounds.items():
        is_late |= (F.col("kafka_partition") == number) & (F.col("kafka_offset") >= bound)
    late, early = rows.filter(is_late), rows.filter(~is_late)
    if late.isEmpty():
        return early
    open_ones = {name: span for name, span in to_come.items() if span[0] < span[1]}
    starts = of_topics([topic.name], {name: start for name, (start, _) in open_ones.items()})
    if not starts:
        return rows
    records = kept_records(spark, settings, starts, {name: end for name, (_, end) in to_come.items()})
    place = {"partition": "kafka_partition", "offset": "kafka_offset"}
    renamed = records.drop("topic").withColumnsRenamed(place)
    return early.unionByName(late.join(renamed, [*place.values(), "ingest_time"], "left_anti"))


def bounds_within(present: PartitionOffsets, applied: PartitionOffsets) -> PartitionOffsets:
    """The applied offsets without those beyond a partition's end: they belong to an earlier topic."""
    return {name: offset for name, offset in applied.items() if offset <= present.get(name, -1)}
