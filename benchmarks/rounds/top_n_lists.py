"""Top-100 lists for every user of the million-rating world, against Spark's recommendForAllUsers.

The peer cannot leave out known items: it is asked for 100 plus the 95th percentile of a user's known items,
and an anti-join takes those out. Both write their lists nowhere; the factors are the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import numpy as np
from pyspark.ml.recommendation import ALSModel
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

from benchmarks.context import BenchContext, Ratio, alternating, median_ratio
from benchmarks.rounds.training_world import session, settings_of, world
from training.fit.als import ranking, spark_als
from training.fit.factors import Matrix, matrix
from training.lists.ranked_lists import ranked_lists

N, _ROUNDS, _CHECKED = 100, 3, 200


def run(context: BenchContext) -> list[Ratio]:
    """Users a second with a list."""
    settings = settings_of(context, als_max_iter=2)
    ratings = world(context.scale, settings)
    spark = session(settings)
    blocks = settings.spark_shuffle_partitions
    rows = ratings.frame(spark, blocks)
    model = spark_als(rows, ranking(settings), blocks, settings.seed)
    users, items = model.userFactors.count(), ratings.size.items
    item_matrix = matrix(model.itemFactors, items, model.rank)
    more = int(np.quantile(np.bincount(ratings.users), 0.95))
    _check(_ours(model, rows, item_matrix), _peer(model, rows, more))
    ours, peer = alternating(
        [
            lambda: users / _seconds(lambda: _ours(model, rows, item_matrix)),
            lambda: users / _seconds(lambda: _peer(model, rows, more)),
        ],
        _ROUNDS,
    )
    spark.stop()
    note = f"recommendForAllUsers({N} + {more}), anti-join of known items; {users:,} users x {items:,} items"
    return [
        Ratio(
            "top-100 for everyone", median(ours), median(peer), median_ratio(ours, peer), "users/s", 10, note
        )
    ]


def _ours(model: ALSModel, rows: DataFrame, item_matrix: Matrix) -> DataFrame:
    known = rows.select(F.col("user_index").alias("row"), F.col("item_index").alias("column"))
    return ranked_lists(model.userFactors, known, item_matrix, N)


def _peer(model: ALSModel, rows: DataFrame, more: int) -> DataFrame:
    found = model.recommendForAllUsers(N + more)
    flat = found.select("user_index", F.explode("recommendations").alias("of"))
    flat = flat.select(
        "user_index", F.col("of.item_index").alias("item_index"), F.col("of.rating").alias("score")
    )
    new = flat.join(rows, ["user_index", "item_index"], "left_anti")
    best = Window.partitionBy("user_index").orderBy(F.desc("score"))
    ranked = new.withColumn("rank", F.row_number().over(best)).filter(F.col("rank") <= N)
    lists = ranked.groupBy("user_index").agg(
        F.sort_array(F.collect_list(F.struct("rank", "item_index", "score"))).alias("of")
    )
    return lists.select(
        F.col("user_index").alias("row"),
        F.col("of.item_index").alias("columns"),
        F.col("of.score").alias("scores"),
    )


def _check(ours: DataFrame, peer: DataFrame) -> None:
    """Check that scores agree place by place, so lists differ only in ties, where the peer has any."""
    our_scores, peer_scores = (
        {row.row: np.array(row.scores) for row in lists.filter(F.col("row") < _CHECKED).collect()}
        for lists in (ours, peer)
    )
    for user, scores in peer_scores.items():
        np.testing.assert_allclose(our_scores[user][: len(scores)], scores, rtol=1e-4, atol=1e-5)


def _seconds(lists: Callable[[], DataFrame]) -> float:
    started = time.monotonic()
    lists().write.format("noop").mode("overwrite").save()
    return time.monotonic() - started
