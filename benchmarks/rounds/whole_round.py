"""A whole round in one process, against a bare script with `implicit`, and against the executors.

A round goes from the request to a served version: it reads the lake, chooses a blend's weights on what came
later, measures the candidate with its rivals and intervals, fits all on everything, ranks and publishes.
The script reads the lake's files, fits one model on the past and on everything, ranks the top 100 of all
users and computes NDCG on the slice. A round with RANKING=als does that and little more: it fits a model of
ratings as well. So the rows "factors alone" compare like with like, and the others say what the blend costs.

The rows "1 % new" are warm rounds, which most rounds are: they start from the served model and keep its
weights. Each comes after another hundredth of the ratings, of which the script, too, sees all so far.
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from deltalake import DeltaTable
from implicit.als import AlternatingLeastSquares
from pydantic import SecretStr
from pyspark.sql import SparkSession
from threadpoolctl import threadpool_limits

from algorithms.metrics import Positives, ndcg_at_k
from benchmarks.context import BenchContext, Ratio, alternating, median_ratio
from benchmarks.rounds.training_world import Ratings, session, settings_of, strengths_of, world
from contracts.settings import TrainingSettings
from contracts.stored import lake
from contracts.stored.manifest import Manifest
from ingest.simulated.source import WorldSize
from training.registry.publish import Publisher
from training.rounds.round import Round, train

_TOP_N, _K, _PAST = 100, 10, 0.8
# Of the million ratings: how often each is timed.
_SIZES = {0.01: 3, 0.1: 3, 1.0: 1}
_ON_EXECUTORS = 0.1  # the size that executors are timed at, too
_GOAL = 1 / 3
_NEW = 0.01  # of the ratings, before each warm round


def run(context: BenchContext) -> list[Ratio]:
    """Measure full rounds an hour, in a trainer that has made one round before."""
    # One thread for BLAS, as the services have it, and as implicit asks for.
    with threadpool_limits(1):
        return [ratio for size, times in _SIZES.items() for ratio in _compare(context, size, times)]


def _compare(context: BenchContext, size: float, times: int) -> Iterator[Ratio]:
    folder = context.work_dir / f"round-{size:g}"
    settings = settings_of(
        context,
        lake_uri=str(folder / "lake"),
        models_uri=str(folder / "models"),
        gate_bound=0.99,  # rounds of two rankings take turns, and none may be refused as worse
    )
    growing, settings = settings, settings.model_copy(update={"warm_rounds": 0})
    # With models of its own: a round is compared with its champion, and a blend takes longer to compare with.
    own_models = {"models_uri": str(folder / "models-of-factors"), "redis_url": _database(context, 1)}
    factors = settings.model_copy(update={"ranking": "als"} | own_models)
    executors = settings.model_copy(update={"train_memory": 0})
    ratings, spark = world(size * context.scale, settings), session(settings)
    _write_lake(spark, settings, ratings)
    first = _seconds(lambda: _round(spark, settings))
    ours, alone, script = alternating(
        [
            lambda: _seconds(lambda: _round(spark, settings)),
            lambda: _seconds(lambda: _round(spark, factors)),
            lambda: _seconds(lambda: _script(settings)),
        ],
        times,
    )
    name = f"whole round, {len(ratings.users):,} ratings"
    note = f"{median(ours):.1f} s, the trainer's first {first:.1f} s"
    bare = f"bare script {median(script):.1f} s"
    yield _ratio(f"{name}, to implicit", ours, script, _GOAL, f"{note}; {bare}")
    yield _ratio(f"{name}, factors alone", alone, script, _GOAL, f"RANKING=als {median(alone):.1f} s; {bare}")
    if size == _ON_EXECUTORS:
        # One round runs before the timed ones, to start the Python workers and compile.
        _, distributed = (_seconds(lambda: _round(spark, executors)) for _ in range(2))
        note = f"{note}; executors {distributed:.1f} s"
        yield _ratio(f"{name}, to executors", ours, [distributed] * len(ours), None, note)
    # A lake's version may not be older than the served one, so each size has a database of its own.
    database = _database(context, 2 + list(_SIZES).index(size))
    yield _compare_warm(spark, growing.model_copy(update={"redis_url": database}), ratings, times)
    spark.stop()


def _compare_warm(spark: SparkSession, settings: TrainingSettings, ratings: Ratings, times: int) -> Ratio:
    """Warm rounds with a blend, on a lake of their own to which the newest ratings come bit by bit."""
    own = {name: f"{getattr(settings, name)}-growing" for name in ("lake_uri", "models_uri")}
    settings = settings.model_copy(update=own)
    shares = iter(1 - _NEW * np.arange(times + 1, -1, -1))  # each is run once more than it is timed
    until = next(shares)
    _write_lake(spark, settings, ratings, 0, until)
    _round(spark, settings)

    def go_on() -> float:
        nonlocal until
        since, until = until, next(shares)
        _write_lake(spark, settings, ratings, since, until)
        return _seconds(lambda: _warm_round(spark, settings))

    ours, script = alternating([go_on, lambda: _seconds(lambda: _script(settings))], times)
    note = f"{median(ours):.1f} s, warm; bare script {median(script):.1f} s"
    name = f"whole round, {len(ratings.users):,} ratings, {100 * _NEW:g} % new"
    return _ratio(name, ours, script, _GOAL, note)


def _database(context: BenchContext, number: int) -> SecretStr:
    return SecretStr(f"{context.redis_url.rpartition('/')[0]}/{number}")


def _ratio(name: str, ours: list[float], peer: list[float], target: float | None, note: str) -> Ratio:
    middle = 3600 / median(ours), 3600 / median(peer)
    return Ratio(name, *middle, median_ratio(peer, ours), "rounds/h", target, note)


def _seconds(work: Callable[[], object]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started


def _round(spark: SparkSession, settings: TrainingSettings) -> Manifest:
    outcome, manifest = train(Round(spark, settings, Publisher.of(settings), lambda _: None))
    if outcome != "published" or manifest is None:
        raise RuntimeError(f"the round ended as {outcome}")
    return manifest


def _warm_round(spark: SparkSession, settings: TrainingSettings) -> None:
    manifest = _round(spark, settings)
    if manifest.fit is None or not manifest.fit.warm or manifest.blend is None:
        raise RuntimeError(f"no warm round with a blend: {manifest.fit}")


def _write_lake(
    spark: SparkSession, settings: TrainingSettings, everything: Ratings, start: float = 0, stop: float = 1
) -> None:
    """Append the ratings of a share of the time."""
    ratings, first = everything.part(start, stop), int(start * len(everything.users))
    numbers = range(first, first + len(ratings.users))
    events = pa.table(
        {
            "event_id": [f"{number:08x}-0000-4000-8000-000000000000" for number in numbers],
            "event_type": pa.repeat("rating", len(numbers)),
            "user_id": [f"u{user}" for user in ratings.users.tolist()],
            "item_id": [f"i{item}" for item in ratings.items.tolist()],
            "value": pa.array(ratings.values, pa.float64()),
            "event_time": pa.array(ratings.times, pa.timestamp("ms", "UTC")).cast(pa.timestamp("us", "UTC")),
        }
    )
    frame = spark.createDataFrame(events)
    frame.write.format("delta").mode("append").save(lake.INTERACTIONS.path(settings.lake_uri))


def _script(settings: TrainingSettings) -> float:
    """NDCG@10 of the later positives; the top 100 of every user are ranked as well."""
    ratings = _read_lake(settings)
    past, later = ratings.part(0, _PAST), ratings.part(_PAST, 1)
    measured = np.intersect1d(past.users, later.users).astype(np.int64)[: settings.evaluation_users]
    liked = later.histories(measured)
    liked = liked.where(liked.liked)
    lists = _recommend(past, measured, settings, _K)
    everybody = np.arange(ratings.size.users)
    _recommend(ratings, everybody, settings, _TOP_N)
    return float(np.nanmean(ndcg_at_k(lists, Positives(liked.indptr, liked.items), _K)))


def _read_lake(settings: TrainingSettings) -> Ratings:
    """What a script would make of the lake: indexes for ids, in the order of time."""
    columns = ["user_id", "item_id", "value", "event_time"]
    table = DeltaTable(lake.INTERACTIONS.path(settings.lake_uri)).to_pyarrow_table(columns=columns)
    table = table.sort_by("event_time")
    users, items = (table[name].combine_chunks().dictionary_encode() for name in columns[:2])
    values = table["value"].to_numpy()
    return Ratings(
        users.indices.to_numpy(),
        items.indices.to_numpy(),
        values,
        strengths_of(values, settings),
        table["event_time"].cast(pa.timestamp("ms", "UTC")).cast(pa.int64()).to_numpy(),
        WorldSize(len(users.dictionary), len(items.dictionary), len(values)),
    )


def _recommend(ratings: Ratings, users: Any, settings: TrainingSettings, n: int) -> Any:
    shape = (ratings.size.users, ratings.size.items)
    # For implicit, a strength of 0 means nothing, and a negative one that the user does not want the item.
    matrix = sp.csr_matrix((ratings.strengths.astype(np.float32), (ratings.users, ratings.items)), shape)
    model = AlternatingLeastSquares(
        factors=settings.als_rank,
        regularization=settings.als_reg_param,
        alpha=settings.als_alpha,
        iterations=settings.als_max_iter,
        num_threads=os.cpu_count() or 1,
        random_state=settings.seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of BLAS threads, which the environment sets already
        model.fit(matrix, show_progress=False)
    return model.recommend(users, matrix[users], N=n)[0].astype(np.int32)
