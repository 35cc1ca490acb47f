"""How much a warm round with 1 % new events writes, compared with writing everyone's lists again.

The newest 5 % of the million-rating world are what the lists are measured on; the 1 % before them is new.
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import numpy as np
import redis
from pyspark.sql import DataFrame

from algorithms.bootstrap import mean_figures
from algorithms.metrics import Lists, Positives, ndcg_at_k
from benchmarks.context import BenchContext, Ratio
from benchmarks.rounds.training_world import Ratings, session, settings_of, world
from contracts.stored import keyspace
from contracts.stored.manifest import ListCounts
from contracts.stored.records import decode_ranked
from training.fit.als import Factors, full_fit, ranking
from training.fit.factors import factors_frame
from training.fit.warm import warm_fit
from training.lists.users import ReusedLists, write_user_lists
from training.registry.model_folder import ModelFrames
from training.registry.publish import Publisher

_OLD, _NEW, _N, _K = 0.94, 0.95, 100, 10


class Traffic(NamedTuple):
    """The bytes that Redis received."""

    megabytes: float
    seconds: float
    lists: ListCounts


def run(context: BenchContext) -> list[Ratio]:
    """Measure the megabytes that are sent to Redis, at the default settings."""
    settings = settings_of(context)
    ratings, spark, problem = world(context.scale, settings), session(settings), ranking(settings)
    blocks, items = settings.spark_shuffle_partitions, ratings.size.items
    old, rows = (ratings.part(0, until).frame(spark, blocks) for until in (_OLD, _NEW))
    champion = full_fit(old, problem, items, blocks, settings.seed)
    warm = warm_fit(rows, problem, champion.items, ratings.size.users, blocks)
    publisher = Publisher.of(settings)
    ids = spark.range(ratings.size.users).selectExpr("cast(id AS STRING) user_id", "int(id) user_index")

    def write(version: str, fit: Factors, known: DataFrame, kept: ReusedLists | None) -> Traffic:
        frames = ModelFrames(ids, ids, fit.users, factors_frame(spark, fit.items))
        before, started = _taken_in(settings.redis_url.get_secret_value()), time.monotonic()
        found = write_user_lists(publisher, version, frames, known, fit.items, _N, kept)
        taken = _taken_in(settings.redis_url.get_secret_value()) - before
        return Traffic(taken / 1e6, time.monotonic() - started, found)

    write("old", champion, old, None)
    all_again = write("full", warm, rows, None)
    incremental = write("warm", warm, rows, ReusedLists("old", settings.list_tolerance))
    figures = [_ndcg(context.redis_url, version, ratings) for version in ("warm", "full", "old")]
    spark.stop()
    return [_ratio(incremental, all_again, figures, settings.list_tolerance)]


def _ratio(ours: Traffic, peer: Traffic, figures: list[Any], tolerance: float) -> Ratio:
    lists = ours.lists.written + ours.lists.kept
    share = ours.lists.kept / lists
    now, full, before = figures
    note = (
        f"all lists written again (MB: theirs / ours); {share:.1%} of {lists:,} lists kept at "
        f"LIST_TOLERANCE {tolerance:g}; {ours.seconds:.1f} s against {peer.seconds:.1f} s; "
        f"NDCG@{_K} on the next slice {now.mean:.4f}, all written {full.mean:.4f} "
        f"[{full.low:.4f}, {full.high:.4f}], none {before.mean:.4f}"
    )
    ratio = peer.megabytes / ours.megabytes
    return Ratio("lists of a warm round, 1 % new", ours.megabytes, peer.megabytes, ratio, "MB", None, note)


def _taken_in(url: str) -> int:
    stats: Any = redis.Redis.from_url(url).info("stats")
    return int(stats["total_net_input_bytes"])


def _ndcg(url: str, version: str, ratings: Ratings) -> Any:
    """NDCG of the lists in Redis, for every user who liked something in the next slice."""
    later = ratings.part(_NEW, 1)
    users = np.unique(later.users).astype(np.int64)
    liked = later.histories(users)
    liked = liked.where(liked.liked)
    found: Any = redis.Redis.from_url(url).hmget(keyspace.top_n(0, version), [str(user) for user in users])
    lists: Lists = np.full((len(users), _K), -1, np.int32)
    for row, raw in enumerate(found):
        top = decode_ranked(raw)[0][:_K] if raw else ()
        lists[row, : len(top)] = top
    values = ndcg_at_k(lists, Positives(liked.indptr, liked.items), _K)
    return mean_figures(values[~np.isnan(values)][:, None])[0]
