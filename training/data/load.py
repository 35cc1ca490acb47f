"""The pinned data of a round, by dense index, and its size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from contracts.settings import TrainingSettings
from contracts.stored.manifest import Counts
from contracts.stored.memory import World
from training.data import dataset
from training.data.as_known import Repeats, find_repeats
from training.data.dense_ids import appended_ids, dense_ids, with_indexes

_ROWS_A_BLOCK = 100_000  # with fewer rows, starting a task costs more than its work


@dataclass(frozen=True)
class TrainingData:
    """Preferences with indexes (kept on the executors), the id maps, and how much there is.

    ``repeats`` can restore the preferences of an earlier time; None if no pair has events at several times.
    """

    preferences: DataFrame
    users: DataFrame
    items: DataFrame
    counts: Counts
    lake_version: int
    world: World
    blocks: int  # into how many parts it is worth dividing the work
    repeats: Repeats | None = None

    def release(self) -> None:
        """Release the data on the executors."""
        self.preferences.unpersist()
        if self.repeats:
            self.repeats.pairs.unpersist()


def load(
    spark: SparkSession,
    settings: TrainingSettings,
    lake_version: int,
    known_items: DataFrame | None = None,
) -> TrainingData | None:
    """Load one version of the lake; None if it has too little to train on.

    ``known_items`` (item_id, item_index) keep their indexes where all are still there: an item then has the
    same index in two versions, and a list of the earlier version means the same in the later one.
    """
    interactions = dataset.read_interactions(spark, settings.lake_uri, lake_version)
    writers = dataset.last_writers(interactions)
    pairs = dataset.preferences(writers, settings, settings.positive_rating).persist()
    rows = dataset.with_anything_counting(pairs)
    row = rows.agg(
        F.count(F.lit(1)).alias("pairs"),
        F.count("rating").alias("ratings"),
        F.count_if(F.col("strength") > 0).alias("liked"),
        F.avg(F.octet_length("user_id")).alias("user_size"),
        F.avg(F.octet_length("item_id")).alias("item_size"),
    ).collect()[0]
    if row["pairs"] < settings.train_min_events or not row["liked"]:
        pairs.unpersist()
        return None
    blocks = min(settings.spark_shuffle_partitions, math.ceil(row["pairs"] / _ROWS_A_BLOCK))
    users = dense_ids(rows, "user_id", "user_index")
    if known_items is None:
        items = dense_ids(rows, "item_id", "item_index")
    else:
        items = appended_ids(rows, "item_id", "item_index", known_items)
    indexed = with_indexes(rows.drop("last_time"), users, items).coalesce(blocks).persist()
    counts = Counts(
        users=users.count(),
        items=items.count(),
        interactions=interactions.count(),
        pairs=int(row["pairs"]),
        ratings=int(row["ratings"]),
    )
    repeats = find_repeats(with_indexes(pairs, users, items), interactions, settings)
    pairs.unpersist()
    world = describe_world(counts, row["user_size"], row["item_size"], settings)
    return TrainingData(
        preferences=indexed,
        users=users,
        items=items,
        counts=counts,
        lake_version=lake_version,
        world=world,
        blocks=blocks,
        repeats=repeats,
    )


def item_frame(spark: SparkSession, item_ids: Sequence[str]) -> DataFrame:
    """The ids of items by index as (item_id, item_index)."""
    indexes = pa.array(range(len(item_ids)), pa.int32())
    table = pa.table({"item_id": pa.array(item_ids, pa.string()), "item_index": indexes})
    return spark.createDataFrame(table)


def describe_world(
    counts: Counts,
    user_size: float,
    item_size: float,
    settings: TrainingSettings,
    signal_matrices: int = 0,
) -> World:
    """What a version takes in Redis; the sizes are the mean lengths of the pairs' ids in bytes.

    ``signal_matrices`` is the number of the blend's matrices; 0 for a round on the executors, which makes
    none.
    """
    return World(
        users=counts.users,
        items=counts.items,
        interactions=counts.pairs,
        n=settings.top_n,
        rank=settings.als_rank,
        rating_rank=settings.explicit_rank,
        signal_matrices=signal_matrices,
        shards=settings.redis_shards,
        user_size=math.ceil(user_size),
        item_size=math.ceil(item_size),
    )
