"""A warm round on the million-rating world with 1 % new, against a full MLlib fit of the same rank.

The newest 5 % are what both are measured on; the warm fit starts from a full fit that does not know the
1 % before them.
"""

from __future__ import annotations

import time

import numpy as np
from pyspark.sql import DataFrame

from algorithms.bootstrap import Figure, mean_figures
from algorithms.metrics import Positives, ndcg_at_k
from benchmarks.context import BenchContext, Ratio
from benchmarks.rounds.training_world import Ratings, session, settings_of, world
from training.evaluation.comparison import ServedModel
from training.fit.als import Factors, full_fit, ranking
from training.fit.warm import warm_fit

RANK, _OLD, _NEW, _USERS, _K = 64, 0.94, 0.95, 3000, 10


def run(context: BenchContext) -> list[Ratio]:
    """Measure both, as fits an hour."""
    settings = settings_of(context, als_rank=RANK)
    ratings, problem, spark = world(context.scale, settings), ranking(settings), session(settings)
    blocks, items = settings.spark_shuffle_partitions, ratings.size.items
    old = ratings.part(0, _OLD).frame(spark, blocks)
    rows = ratings.part(0, _NEW).frame(spark, blocks)
    rows.count()
    champion = full_fit(old, problem, items, blocks, settings.seed)
    # Each runs once before it is timed, so that neither pays for the first Python workers and compilation.
    warm_fit(old, problem, champion.items, ratings.size.users, blocks).release()
    started = time.monotonic()
    full = _solve(full_fit(rows, problem, items, blocks, settings.seed))
    middle = time.monotonic()
    warm = _solve(warm_fit(rows, problem, champion.items, ratings.size.users, blocks))
    seconds = (time.monotonic() - middle, middle - started)
    figures = [_ndcg(ServedModel(fit.items, problem), ratings) for fit in (warm, full, champion)]
    spark.stop()
    return [_ratio(seconds, figures)]


def _ratio(seconds: tuple[float, float], figures: list[Figure]) -> Ratio:
    warm, full, before = figures
    within = "within" if full.low <= warm.mean <= full.high else "outside"
    note = (
        f"full MLlib fit, rank {RANK}; NDCG@{_K} on the next slice {warm.mean:.4f}, {within} the full fit's "
        f"{full.mean:.4f} [{full.low:.4f}, {full.high:.4f}]; before the round {before.mean:.4f}"
    )
    ours, peer = (3600 / each for each in seconds)
    return Ratio("warm round, 1 % new", ours, peer, ours / peer, "fits/h", 4, note)


def _solve(fit: Factors) -> Factors:
    users: DataFrame = fit.users
    users.write.format("noop").mode("overwrite").save()
    fit.release()
    return fit


def _ndcg(model: ServedModel, ratings: Ratings) -> Figure:
    later = ratings.part(_NEW, 1)
    users = np.unique(later.users)[:_USERS].astype(np.int64)
    learnt, liked = ratings.part(0, _NEW).histories(users), later.histories(users)
    liked = liked.where(liked.liked)
    values = ndcg_at_k(model.lists(learnt, _K), Positives(liked.indptr, liked.items), _K)
    return mean_figures(values[:, None])[0]
