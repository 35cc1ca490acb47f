"""How far the lake's rows reach in the topics they came from.

A place (partition and offset) names one record only as long as its topic exists: a topic that was deleted and
created again has other records at the same places, and so has one that a broker lost the end of. A row is of
a record that Kafka keeps only where the broker's time is the same too.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import NamedTuple

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from clients.topic_admin import topic_begins, topic_ends
from contracts import topics
from contracts.settings import StreamingSettings
from contracts.stored import lake
from contracts.stored.lake import Table
from contracts.topics import LAKE_SOURCES, Partition, PartitionOffsets, Topic
from streaming.records.source import read_partitions_between

# The tables of the topics that the lake query reads.
ORIGINS: tuple[tuple[Table, Topic], ...] = (
    (lake.INTERACTIONS, topics.INTERACTIONS),
    (lake.CATALOG, topics.CATALOG),
    (lake.EXPOSURES, topics.EXPOSURES),
)
_PARTITION = ("topic", "partition")
PLACE = (*_PARTITION, "offset")
RECORD = (*PLACE, "ingest_time")  # what tells a record from all others, those of earlier topics included


class LakeReach(NamedTuple):
    """What Kafka keeps, and how far the lake's rows reach in it, by "topic:partition"."""

    kept: PartitionOffsets  # the oldest offset
    ends: PartitionOffsets  # the next offset
    present: PartitionOffsets  # after the newest row of a record that Kafka keeps; absent without one
    # After the row that came last, which may be of an earlier topic or of what Kafka has deleted.
    latest: PartitionOffsets


def lake_reach(spark: SparkSession, settings: StreamingSettings) -> LakeReach:
    """Compare the lake's rows with the records that Kafka keeps.

    Raises BrokerUnavailableError where Kafka does not answer.
    """
    # Read in this order because both may grow meanwhile.
    newest, latest = _ends_of_rows(spark, settings)
    kept = topic_begins(settings, topics=LAKE_SOURCES)
    ends = topic_ends(settings, topics=LAKE_SOURCES)
    within = {name: end for name, end in newest.items() if kept.get(name, 0) < end <= ends.get(name, -1)}
    # Where the row of the highest offset is of a record, it is the newest: one record is read, not all.
    present: PartitionOffsets = {}
    if within:
        last = kept_records(spark, settings, {name: end - 1 for name, end in within.items()}, within)
        present = _newest_of(lake_records(spark, settings), F.broadcast(last))
    unlike = newest.keys() & ends.keys() - present.keys()
    if starts := {name: kept[name] for name in unlike if kept[name] < ends[name]}:
        present |= _newest_of(lake_records(spark, settings), kept_records(spark, settings, starts, ends))
    return LakeReach(kept, ends, present, latest)


def kept_records(
    spark: SparkSession, settings: StreamingSettings, starts: Mapping[str, int], ends: Mapping[str, int]
) -> DataFrame:
    """The RECORD of each record that Kafka has from these starts, which must not be empty, to their ends."""
    to = {name: ends[name] for name in starts}
    records = read_partitions_between(spark, settings, starts, to, decoded=False)
    return records.select(*PLACE, F.col("timestamp").alias("ingest_time"))


def lake_records(spark: SparkSession, settings: StreamingSettings) -> DataFrame:
    """The RECORD of every row."""
    rows = (
        spark.read.format("delta")
        .load(table.path(settings.lake_uri))
        .select(
            F.lit(topic.name).alias("topic"),
            F.col("kafka_partition").alias("partition"),
            F.col("kafka_offset").alias("offset"),
            "ingest_time",
        )
        for table, topic in ORIGINS
    )
    return reduce(DataFrame.unionByName, rows)


def _ends_of_rows(
    spark: SparkSession, settings: StreamingSettings
) -> tuple[PartitionOffsets, PartitionOffsets]:
    """The offset after each partition's highest, and after that of the row that came last."""
    by_partition = lake_records(spark, settings).groupBy(*_PARTITION)
    last = F.max(F.struct("ingest_time", "offset"))["offset"]
    rows = by_partition.agg(F.max("offset").alias("highest"), last.alias("latest")).collect()
    names = [Partition(row["topic"], row["partition"]).name for row in rows]
    return (
        {name: row["highest"] + 1 for name, row in zip(names, rows, strict=True)},
        {name: row["latest"] + 1 for name, row in zip(names, rows, strict=True)},
    )


def _newest_of(rows: DataFrame, records: DataFrame) -> PartitionOffsets:
    """The offset after the newest row of one of these records; partitions without one are absent."""
    found = rows.join(records, list(RECORD), "left_semi").groupBy(*_PARTITION)
    newest = found.agg(F.max("offset").alias("newest")).collect()
    return {Partition(row["topic"], row["partition"]).name: row["newest"] + 1 for row in newest}
