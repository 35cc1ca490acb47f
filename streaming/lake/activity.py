"""Hourly activity per item by event time, with a watermark. Late rows are counted, and their hours
recomputed."""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.streaming.query import StreamingQuery

from contracts.settings import StreamingSettings
from contracts.stored import lake


def hourly_activity(spark: SparkSession, settings: StreamingSettings) -> DataFrame:
    """The rows of lake.ITEM_ACTIVITY: one per item and hour, once the watermark has passed the hour."""
    interactions = (
        spark.readStream.format("delta")
        .option("skipChangeCommits", "true")  # erasure rewrites files; it brings no new rows
        .load(lake.INTERACTIONS.path(settings.lake_uri))
    )
    return aggregate(interactions.withWatermark("event_time", settings.activity_watermark))


def aggregate(interactions: DataFrame) -> DataFrame:
    """Interactions (lake.INTERACTIONS) to one row per hour and item. Repeated deliveries count once each."""
    return (
        interactions.groupBy(F.window("event_time", "1 hour").alias("window"), "item_id")
        .agg(
            F.count(F.lit(1)).alias("events"),
            F.size(F.collect_set("user_id")).cast("long").alias("users"),
            F.sum("value").alias("value_sum"),
        )
        .select(F.col("window.start").alias("hour"), "item_id", "events", "users", "value_sum")
    )


def write_activity(activity: DataFrame, settings: StreamingSettings, checkpoint: str) -> StreamingQuery:
    """Start the query. Delta's sink makes it write exactly once."""
    return (
        activity.writeStream.queryName("item_activity")
        .format("delta")
        .outputMode("append")
        .option("checkpointLocation", checkpoint)
        .trigger(processingTime=f"{settings.activity_trigger_seconds} seconds")
        .start(lake.ITEM_ACTIVITY.path(settings.lake_uri))
    )


def recompute(spark: SparkSession, settings: StreamingSettings, before: str) -> None:
    """Rewrite the hours before a time (ISO 8601, UTC) from the interactions, including late ones.

    Only hours that the query has already emitted may be given, else they would be written twice.
    """
    closed = F.col("event_time") < F.lit(before).cast("timestamp")
    interactions = spark.read.format("delta").load(lake.INTERACTIONS.path(settings.lake_uri)).filter(closed)
    (
        aggregate(interactions)
        .write.format("delta")
        .mode("overwrite")
        .option("replaceWhere", f"hour < timestamp'{before}'")
        .save(lake.ITEM_ACTIVITY.path(settings.lake_uri))
    )
