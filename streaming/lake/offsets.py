"""How far the lake's rows reach in the topics they came from."""

from __future__ import annotations

from functools import reduce

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from contracts import topics
from contracts.settings import StreamingSettings
from contracts.stored import lake
from contracts.stored.lake import Table
from contracts.topics import Partition, PartitionOffsets, Topic

# The tables of the topics that the lake query reads.
ORIGINS: tuple[tuple[Table, Topic], ...] = (
    (lake.INTERACTIONS, topics.INTERACTIONS),
    (lake.CATALOG, topics.CATALOG),
    (lake.EXPOSURES, topics.EXPOSURES),
)
PLACE = ("topic", "partition", "offset")


def lake_offsets(spark: SparkSession, settings: StreamingSettings) -> PartitionOffsets:
    """Per partition, the offset after the newest row's; partitions without rows are absent."""
    newest = lake_places(spark, settings).groupBy("topic", "partition").agg(F.max("offset").alias("newest"))
    return {Partition(row["topic"], row["partition"]).name: row["newest"] + 1 for row in newest.collect()}


def lake_places(spark: SparkSession, settings: StreamingSettings) -> DataFrame:
    """The PLACE of every row."""
    places = (
        spark.read.format("delta")
        .load(table.path(settings.lake_uri))
        .select(
            F.lit(topic.name).alias("topic"),
            F.col("kafka_partition").alias("partition"),
            F.col("kafka_offset").alias("offset"),
        )
        for table, topic in ORIGINS
    )
    return reduce(DataFrame.unionByName, places)
