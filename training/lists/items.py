"""The lists of a version's items, as frames ready to be published."""

from __future__ import annotations

import os

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from algorithms.neighbours.index import LARGE, NeighbourIndex
from training.fit.factors import Matrix, matrix
from training.lists.ranked_lists import nearest_lists, ranked_lists
from training.registry.model_folder import ModelFrames

SIMILAR_ITEMS, TOP_USERS = 50, 50


def similar_items(frames: ModelFrames, item_matrix: Matrix) -> DataFrame:
    """(item_id, columns, scores): each item's nearest others by the cosine of their factors.

    An item whose factors are all zero resembles no other: it has no list, and is in no list. Of more than
    LARGE items an index finds the nearest, which misses a few.
    """
    # In float64, because squares of float32 numbers could overflow or become zero.
    lengths = np.linalg.norm(item_matrix.astype(np.float64), axis=1, keepdims=True)
    unit: Matrix = (item_matrix / np.where(lengths > 0, lengths, 1)).astype(np.float32)
    squares = F.aggregate(
        "features", F.lit(0.0), lambda total, x: total + x.cast("double") * x.cast("double")
    )
    rows = frames.item_factors.withColumn("length", F.sqrt(squares)).filter("length > 0")
    directions = rows.select(
        "id", F.transform("features", lambda x: (x / F.col("length")).cast("float")).alias("features")
    )
    if len(unit) > LARGE:
        lists = nearest_lists(directions, NeighbourIndex(unit, os.cpu_count() or 1), SIMILAR_ITEMS)
    else:
        itself = frames.item_factors.select(F.col("id").alias("row"), F.col("id").alias("column"))
        lists = ranked_lists(directions, itself, unit, SIMILAR_ITEMS)
    cosines = F.transform("scores", lambda score: F.least(score, F.lit(1.0).cast("float")))
    return _with_item_ids(frames, lists.withColumn("scores", cosines))


def top_users(frames: ModelFrames, preferences: DataFrame, users: int, rank: int) -> DataFrame:
    """(item_id, user_ids, scores): the users who would like each item best and do not know it yet."""
    known = preferences.select(F.col("item_index").alias("row"), F.col("user_index").alias("column"))
    lists = ranked_lists(frames.item_factors, known, matrix(frames.user_factors, users, rank), TOP_USERS)
    places = lists.select("row", F.posexplode(F.arrays_zip("columns", "scores")).alias("place", "listed"))
    named = places.join(frames.users, F.col("listed.columns") == frames.users["user_index"])
    entry = F.struct("place", "user_id", F.col("listed.scores").alias("score"))
    gathered = named.groupBy("row").agg(F.sort_array(F.collect_list(entry)).alias("listed"))
    by_item = gathered.select(
        "row", F.col("listed.user_id").alias("user_ids"), F.col("listed.score").alias("scores")
    )
    return _with_item_ids(frames, by_item)


def _with_item_ids(frames: ModelFrames, lists: DataFrame) -> DataFrame:
    return lists.join(frames.items, lists["row"] == frames.items["item_index"])
