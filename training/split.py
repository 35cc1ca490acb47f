"""The temporal split: a user's newest interactions are held out, so no figure knows the user's future."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812


def per_user_temporal(preferences: DataFrame, fraction: float) -> tuple[DataFrame, DataFrame]:
    """(train, test): of a user's n > 1 rows the newest max(1, floor(fraction x n)) are test."""
    newest = Window.partitionBy("user_index").orderBy(F.desc("event_time"), F.desc("item_index"))
    mine = Window.partitionBy("user_index")
    size = F.count(F.lit(1)).over(mine)
    held_out = F.when(size > 1, F.greatest(F.lit(1), F.floor(size * fraction))).otherwise(0)
    marked = preferences.withColumn("held_out", F.row_number().over(newest) <= held_out)
    return marked.filter(~F.col("held_out")).drop("held_out"), marked.filter("held_out").drop("held_out")
