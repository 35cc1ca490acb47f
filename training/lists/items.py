"""The lists of a version's items, as frames ready to be published."""

from __future__ import annotations

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from training.fit.factors import Matrix, matrix
from training.lists.ranked import ranked_lists
from training.registry.model_folder import ModelFrames

SIMILAR_ITEMS, TOP_USERS = 50, 50


def similar_items(fit: ModelFrames, item_matrix: Matrix) -> DataFrame:
    """(item_id, columns, scores): each item's nearest others by the cosine of their factors."""
    lengths = np.linalg.norm(item_matrix, axis=1, keepdims=True)
    unit = item_matrix / np.where(lengths > 0, lengths, 1)
    squares = F.aggregate("features", F.lit(0.0), lambda total, x: total + x * x)
    rows = fit.item_factors.withColumn("length", F.sqrt(squares)).filter("length > 0")
    directions = rows.select(
        "id", F.transform("features", lambda x: (x / F.col("length")).cast("float")).alias("features")
    )
    itself = fit.item_factors.select(F.col("id").alias("row"), F.col("id").alias("column"))
    return _named(fit, ranked_lists(directions, itself, unit.astype(np.float32), SIMILAR_ITEMS))


def top_users(fit: ModelFrames, preferences: DataFrame, users: int, rank: int) -> DataFrame:
    """(item_id, user_ids, scores): those who would like each item best and do not know it yet."""
    known = preferences.select(F.col("item_index").alias("row"), F.col("user_index").alias("column"))
    lists = ranked_lists(fit.item_factors, known, matrix(fit.user_factors, users, rank), TOP_USERS)
    places = lists.select("row", F.posexplode(F.arrays_zip("columns", "scores")).alias("place", "of"))
    named = places.join(fit.users, F.col("of.columns") == fit.users["user_index"])
    gathered = named.groupBy("row").agg(
        F.sort_array(F.collect_list(F.struct("place", "user_id", F.col("of.scores").alias("score")))).alias(
            "of"
        )
    )
    by_item = gathered.select("row", F.col("of.user_id").alias("user_ids"), F.col("of.score").alias("scores"))
    return _named(fit, by_item)


def _named(fit: ModelFrames, lists: DataFrame) -> DataFrame:
    return lists.join(fit.items, lists["row"] == fit.items["item_index"])
