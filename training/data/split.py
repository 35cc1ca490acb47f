"""Splits: which rows are held out, as a column. With a temporal split no metric knows the future.

A row belongs to the time of its pair's first event, when the item became known to the user.
"""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

from training.data.time_quantile import time_quantile

# (preferences, fraction, seed) -> the same rows with `held_out` added.
Split = Callable[[DataFrame, float, int], DataFrame]


def global_time(preferences: DataFrame, fraction: float, seed: int = 0) -> DataFrame:
    """Hold out the newest ``fraction`` of all rows: those after one instant, which is the same for all
    users."""
    return newer_than(preferences, time_quantile(preferences, 1 - fraction))


def newer_than(preferences: DataFrame, cutoff: int) -> DataFrame:
    """Hold out the rows after an instant (epoch milliseconds)."""
    return preferences.withColumn("held_out", F.unix_millis("first_time") > cutoff)


def per_user_temporal(preferences: DataFrame, fraction: float, seed: int = 0) -> DataFrame:
    """Hold out the newest max(1, floor(fraction x n)) of a user's n rows, where n > 1."""
    size = F.count(F.lit(1)).over(Window.partitionBy("user_index"))
    return _newest(preferences, F.when(size > 1, F.greatest(F.lit(1), F.floor(size * fraction))).otherwise(0))


def leave_last_out(preferences: DataFrame, fraction: float = 0.0, seed: int = 0) -> DataFrame:
    """Hold out the newest row of every user who has more than one."""
    size = F.count(F.lit(1)).over(Window.partitionBy("user_index"))
    return _newest(preferences, F.when(size > 1, 1).otherwise(0))


def random_rows(preferences: DataFrame, fraction: float, seed: int) -> DataFrame:
    """Hold out random rows, the same for the same ids and seed: the textbook split, which knows the
    future."""
    drawn = F.pmod(F.xxhash64("user_index", "item_index", F.lit(seed)), F.lit(1_000_000))
    return preferences.withColumn("held_out", drawn < round(fraction * 1_000_000))


def _newest(preferences: DataFrame, many: Column) -> DataFrame:
    newest = Window.partitionBy("user_index").orderBy(F.desc("first_time"), F.desc("item_index"))
    return preferences.withColumn("held_out", F.row_number().over(newest) <= many)


def parts(marked: DataFrame) -> tuple[DataFrame, DataFrame]:
    """(train, held out) of rows that a split has marked."""
    return marked.filter(~F.col("held_out")).drop("held_out"), marked.filter("held_out").drop("held_out")


# To add a split, write its function above and name it here and in EVALUATION_SPLIT's type.
SPLITS: tuple[tuple[str, Split], ...] = (
    ("global_time", global_time),
    ("per_user_temporal", per_user_temporal),
    ("leave_last_out", leave_last_out),
    ("random", random_rows),
)
TEMPORAL = frozenset(name for name, _ in SPLITS if name != "random")
