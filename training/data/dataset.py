"""Turns a pinned version of the lake into one row per (user, item). All steps after reading are pure."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import and_, or_

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from contracts.events import EVENT_TYPES, NEGATIVE_TYPES, RATING, WEIGHTED_TYPES
from contracts.settings import WeightSettings
from contracts.stored import lake
from contracts.strengths import RIVALS, grade_steps


def newest_version(spark: SparkSession, lake_uri: str, table: lake.Table = lake.INTERACTIONS) -> int | None:
    """The newest version of a table; None while the table does not exist."""
    return _table_version(spark, table.path(lake_uri))


def is_table(spark: SparkSession, path: str) -> bool:
    """Whether a Delta table exists at a path."""
    return _table_version(spark, path) is not None


def _table_version(spark: SparkSession, path: str) -> int | None:
    """The newest version, read from the names of the log's files; None for what is no table.

    A waiting trainer asks every few seconds, and a query would cost a job. `DeltaTable.isDeltaTable` is not
    asked: once it has seen a log that another process has only begun, it takes it for empty for an hour.
    """
    assert spark._jvm is not None
    delta_log = spark._jvm.org.apache.spark.sql.delta.DeltaLog
    version = int(delta_log.forTableWithSnapshot(spark._jsparkSession, path)._2().version())
    return None if version < 0 else version


def read_interactions(spark: SparkSession, lake_uri: str, version: int) -> DataFrame:
    """The interactions (lake.INTERACTIONS) of one version of the table."""
    path = lake.INTERACTIONS.path(lake_uri)
    return spark.read.format("delta").option("versionAsOf", version).load(path)


def drop_unusable(interactions: DataFrame) -> DataFrame:
    """Drop rows with a value that is not a finite number, or without an id or a time.

    One NaN would make every factor NaN. Streaming rejects such events; other writers of the lake may not.
    """
    value = F.col("value")
    there = [F.col(name).isNotNull() for name in ("user_id", "item_id", "event_time", "event_id", "value")]
    finite = ~F.isnan(value) & (F.abs(value) < float("inf"))
    return interactions.filter(reduce(and_, there, finite))


def last_writers(interactions: DataFrame, kept: Sequence[str] = ()) -> DataFrame:
    """One row per (user_id, item_id): of each event type the last writer, null where it does not count.

    The last writer is the event with the greatest (event_time, event_id); which of them count is said by
    contracts.strengths.effective. All are null where a retraction left nothing of a pair. ``first_time`` and
    ``last_time`` are those of the pair's first and last event, counting or not; ``kept`` are further columns,
    the same for all events of a pair.
    """
    newest = [
        F.max(F.when(F.col("event_type") == name, F.struct("event_time", "event_id", "value"))).alias(name)
        for name in EVENT_TYPES
    ]
    times = F.min("event_time").alias("first_time"), F.max("event_time").alias("last_time")
    counted = [_effective(name).alias(name) for name in RIVALS]
    pairs = drop_unusable(interactions).groupBy("user_id", "item_id", *kept).agg(*newest, *times)
    return pairs.select("user_id", "item_id", *kept, *counted, "first_time", "last_time")


def _effective(event_type: str) -> Column:
    """The struct if it is newer than each of its rivals, else null."""
    beaten = [
        (F.col(f"{rival}.event_time") > F.col(f"{event_type}.event_time"))
        | (
            (F.col(f"{rival}.event_time") == F.col(f"{event_type}.event_time"))
            & (F.col(f"{rival}.event_id") >= F.col(f"{event_type}.event_id"))
        )
        for rival in RIVALS[event_type]
    ]
    counts = F.lit(True)
    for lost in beaten:
        counts = counts & ~F.coalesce(lost, F.lit(False))
    return F.when(counts, F.col(event_type))


def preferences(
    writers: DataFrame, settings: WeightSettings, positive_rating: float, kept: Sequence[str] = ()
) -> DataFrame:
    """One row per (user, item): user_id, item_id, ``kept``, strength, rating, positive, and its times.

    ``strength`` is the sum over event types (a rating's by RATING_STRENGTHS, another type's by
    EVENT_WEIGHTS); ``rating`` is null where the user gave none; ``positive`` says what a good list holds;
    ``event_time`` is that of the newest event that counts, null where none does; ``first_time`` and
    ``last_time`` are those of `last_writers`.
    """
    weights = {name: settings.event_weights.get(name, 0.0) for name in WEIGHTED_TYPES}
    given = {name: F.col(name).isNotNull() for name in WEIGHTED_TYPES}
    rating = F.col(f"{RATING}.value")
    strength = _grade(rating, settings.rating_strengths)
    liked = F.coalesce(rating >= positive_rating, F.lit(False))
    for name, weight in weights.items():
        strength = strength + F.when(given[name], F.lit(float(weight))).otherwise(0.0)
        if weight > 0:
            liked = liked | given[name]
    times = [F.col(f"{name}.event_time") for name in (*WEIGHTED_TYPES, RATING)]
    return writers.select(
        "user_id",
        "item_id",
        *kept,
        strength.cast("float").alias("strength"),
        rating.cast("float").alias("rating"),
        (liked & ~reduce(or_, (given[name] for name in NEGATIVE_TYPES))).alias("positive"),
        F.greatest(*times).alias("event_time"),
        "first_time",
        "last_time",
    )


def with_anything_counting(preferences: DataFrame) -> DataFrame:
    """The pairs with at least one event that counts."""
    return preferences.filter("event_time IS NOT NULL")


def _grade(rating: Column, strengths: dict[float, float]) -> Column:
    """contracts.strengths.strength_of_rating of a rating, 0 without one."""
    steps = grade_steps(strengths)
    graded = F.lit(steps[0][1])
    for threshold, strength in steps[1:]:
        graded = F.when(rating >= threshold, F.lit(strength)).otherwise(graded)
    return F.when(rating.isNull(), F.lit(0.0)).otherwise(graded)
