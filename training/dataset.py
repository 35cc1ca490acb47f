"""From a pinned version of the lake to one row per (user, item). Pure steps after the reading."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from contracts import lake
from contracts.settings import TrainingSettings


def newest_version(spark: SparkSession, lake_uri: str) -> int | None:
    """The newest version of the interactions table, None while there is no table."""
    path = lake.INTERACTIONS.path(lake_uri)
    assert spark._jvm is not None
    if not spark._jvm.io.delta.tables.DeltaTable.isDeltaTable(spark._jsparkSession, path):
        return None
    row = spark.sql(f"DESCRIBE HISTORY delta.`{path}` LIMIT 1").select("version").first()
    return int(row.version) if row else None


def read_interactions(spark: SparkSession, lake_uri: str, version: int) -> DataFrame:
    """The interactions (lake.INTERACTIONS) of one version of the table."""
    path = lake.INTERACTIONS.path(lake_uri)
    return spark.read.format("delta").option("versionAsOf", version).load(path)


def last_writers(interactions: DataFrame) -> DataFrame:
    """One row per (user, item, event type): the event with the greatest (event_time, event_id)."""
    newest = F.max(F.struct("event_time", "event_id", "value")).alias("last")
    return (
        interactions.groupBy("user_id", "item_id", "event_type")
        .agg(newest)
        .select("user_id", "item_id", "event_type", F.col("last.value").alias("value"), "last.event_time")
    )


def preferences(writers: DataFrame, settings: TrainingSettings) -> DataFrame:
    """One row per (user, item): user_id, item_id, strength, rating, positive, event_time.

    ``strength`` is the sum over event types (a rating's by RATING_STRENGTHS, another type's by
    EVENT_WEIGHTS); ``rating`` is null where the user gave none; ``positive`` says what a good list holds.
    """
    is_rating = F.col("event_type") == "rating"
    weight = _weight(settings.event_weights)
    strength = F.when(is_rating, _graded(settings.rating_strengths)).otherwise(weight)
    liked = F.when(is_rating, F.col("value") >= settings.positive_rating).otherwise(weight > 0)
    disliked = F.col("event_type") == "dislike"
    return writers.groupBy("user_id", "item_id").agg(
        F.sum(strength).cast("float").alias("strength"),
        F.max(F.when(is_rating, F.col("value"))).cast("float").alias("rating"),
        (F.bool_or(liked) & ~F.bool_or(disliked)).alias("positive"),
        F.max("event_time").alias("event_time"),
    )


def _graded(strengths: dict[float, float]) -> Column:
    """The strength of the largest threshold that the value reaches."""
    steps = sorted(strengths.items(), reverse=True)
    graded = F.lit(float(steps[-1][1]))
    for threshold, strength in reversed(steps):
        graded = F.when(F.col("value") >= threshold, F.lit(float(strength))).otherwise(graded)
    return graded


def _weight(weights: dict[str, float]) -> Column:
    weight = F.lit(0.0)
    for event_type, value in weights.items():
        weight = F.when(F.col("event_type") == event_type, F.lit(float(value))).otherwise(weight)
    return weight
