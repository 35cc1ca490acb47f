"""Dense integer ids for ALS: 0..n-1 in the order of the text ids, the same for the same data."""

from __future__ import annotations

from itertools import accumulate

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812


def dense_ids(rows: DataFrame, id_column: str, index_column: str) -> DataFrame:
    """The distinct ids of a column with their indexes; computed once and kept on the executors.

    Sorted by range over the partitions, numbered within each, shifted by the sizes of those before:
    only one count per partition comes to the driver.
    """
    sorted_ids = rows.select(id_column).distinct().repartitionByRange(id_column)
    place = Window.partitionBy("partition").orderBy(id_column)
    numbered = (
        sorted_ids.withColumn("partition", F.spark_partition_id())
        # Persisted before anything counts it: the bounds of a range come from a sample and may move.
        .localCheckpoint()
        .withColumn("place", F.row_number().over(place) - 1)
    )
    sizes = sorted(
        (row["partition"], row["count"]) for row in numbered.groupBy("partition").count().collect()
    )
    starts = accumulate((size for _, size in sizes[:-1]), initial=0)
    if not sizes:
        return numbered.select(id_column, F.lit(0).alias(index_column))
    shift = F.create_map(
        *(F.lit(x) for (partition, _), start in zip(sizes, starts, strict=True) for x in (partition, start))
    )
    index = (F.col("place") + shift[F.col("partition")]).cast("int").alias(index_column)
    return numbered.select(id_column, index).localCheckpoint()


def appended_ids(rows: DataFrame, id_column: str, index_column: str, first: DataFrame) -> DataFrame:
    """Like `dense_ids`, but ids in ``first`` (id, index) keep their indexes, and the others come after them.

    Where an id of ``first`` no longer occurs, all ids are numbered again, so that every index has an id.
    """
    if first.join(rows, id_column, "left_anti").limit(1).count():
        return dense_ids(rows, id_column, index_column)
    new = dense_ids(rows.join(first, id_column, "left_anti"), id_column, index_column)
    shifted = (F.col(index_column) + first.count()).cast("int").alias(index_column)
    return first.unionByName(new.select(id_column, shifted)).localCheckpoint()


def with_indexes(preferences: DataFrame, users: DataFrame, items: DataFrame) -> DataFrame:
    """Preferences with user_index and item_index added."""
    return preferences.join(users, "user_id").join(F.broadcast(items), "item_id")
