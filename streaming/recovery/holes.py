"""Adds records that are neither in the lake nor rejected, although later records are.

Such a hole is left if a batch was interrupted after Delta's commit and its checkpoint was then lost.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import NamedTuple

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from contracts import topics
from contracts.settings import StreamingSettings
from contracts.stored import lake
from contracts.topics import Partition, PartitionOffsets
from streaming.lake.erasure import LakeErasures
from streaming.lake.offsets import PLACE, lake_records
from streaming.lake.rejected_topic import write_rejected
from streaming.lake.retention import LakeRetention
from streaming.lake.sink import append
from streaming.records.mapping import ORIGINAL
from streaming.records.parse import accepted_interactions, parse, rejected_records
from streaming.records.source import read_partitions_between, read_rejected_topic


class FilledHoles(NamedTuple):
    """How many events were added to the lake and to the topic of rejected events.

    The catalogue and exposures are not counted: their newest row says how far they are complete.
    """

    accepted: int = 0
    rejected: int = 0


def fill_holes(
    spark: SparkSession, settings: StreamingSettings, starts: Mapping[str, int], ends: Mapping[str, int]
) -> FilledHoles:
    """Add what is missing between ``starts`` and ``ends`` ("topic:partition" -> offset). May be repeated."""
    starts, ends = _without_exposures(starts), _without_exposures(ends)
    records = read_partitions_between(spark, settings, starts, ends)
    missing = _missing_records(
        records, lake_records(spark, settings), _rejected_values(spark, settings)
    ).cache()
    try:
        parsed = parse(missing)
        erasures, retention = LakeErasures(settings.lake_uri), LakeRetention(settings.lake_uri)
        erasures.load(spark)
        retention.load(spark)
        accepted, refused = accepted_interactions(parsed), rejected_records(parsed)
        events = retention.without_older(erasures.without_erased(accepted))
        filled = FilledHoles(events.count(), refused.count())
        if filled.accepted:
            writer = f"repair-{uuid.uuid4()}"  # a writer id that no query has
            append(events, lake.INTERACTIONS, settings.lake_uri, writer, 0)
        if filled.rejected:
            write_rejected(refused, settings)
        return filled
    finally:
        missing.unpersist()


def _missing_records(records: DataFrame, rows: DataFrame, rejected: DataFrame) -> DataFrame:
    """The records that are neither rows nor rejected. What lies at their places may be of earlier topics."""
    timed = rows.withColumnRenamed("ingest_time", "timestamp")
    not_rows = records.join(timed, [*PLACE, "timestamp"], "left_anti")
    came = F.col(ORIGINAL if ORIGINAL in records.columns else "value")
    is_same = [not_rows[name] == rejected[f"rejected_{name}"] for name in PLACE]
    return not_rows.join(rejected, [*is_same, came.eqNullSafe(rejected["rejected_value"])], "left_anti")


def _without_exposures(offsets: Mapping[str, int]) -> PartitionOffsets:
    return {name: offset for name, offset in offsets.items() if Partition.parse(name).topic in topics.SOURCES}


def _rejected_values(spark: SparkSession, settings: StreamingSettings) -> DataFrame:
    """The place and the bytes of each rejected record that Kafka keeps."""

    def header(name: str) -> str:
        return f"CAST(filter(headers, h -> h.key = '{name}')[0].value AS STRING)"

    return read_rejected_topic(spark, settings).selectExpr(
        f"{header(topics.REJECT_TOPIC)} AS rejected_topic",
        f"CAST({header(topics.REJECT_PARTITION)} AS INT) AS rejected_partition",
        f"CAST({header(topics.REJECT_OFFSET)} AS BIGINT) AS rejected_offset",
        "value AS rejected_value",
    )
