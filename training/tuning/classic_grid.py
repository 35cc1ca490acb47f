"""The classic grid of the textbooks: explicit ALS, 18 settings, 3 folds on a sample, by RMSE.

A fifth of the ratings, drawn at random, is held out from all of it. The winner is fitted again on the other
ratings, and scored on that fifth beside the present settings and beside the mean of the ratings.
"""

from __future__ import annotations

import gc
import warnings
from typing import NamedTuple

from pyspark.ml.evaluation import RegressionEvaluator
from pyspark.ml.recommendation import ALS
from pyspark.ml.tuning import CrossValidator, ParamGridBuilder
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from contracts.settings import TrainingSettings
from training.data.split import parts, random_rows
from training.registry.outcome import TrainingError

RANKS, REG_PARAMS, ITERATIONS = (20, 50, 100), (0.01, 0.1, 1.0), (5, 10)
SAMPLE, FOLDS, TEST = 0.3, 3, 0.2


class GridRow(NamedTuple):
    """One setting and its mean RMSE over the folds."""

    rank: int
    reg_param: float
    max_iter: int
    rmse: float


class HeldOutScores(NamedTuple):
    """RMSE on the ratings that nothing was learnt from, of those whose user and item the fit knows."""

    ratings: int  # that all are scored on
    winner: float
    present: float  # of the EXPLICIT settings that were given
    mean: float  # of predicting the mean rating

    @property
    def improvement(self) -> float:
        """By which share of the present settings' RMSE the winner's is lower; below 0: it is higher."""
        return 1 - self.winner / self.present


def classic_grid(
    preferences: DataFrame,
    settings: TrainingSettings,
    jobs: int,
    ranks: tuple[int, ...] = RANKS,
    reg_params: tuple[float, ...] = REG_PARAMS,
    iterations: tuple[int, ...] = ITERATIONS,
) -> tuple[list[GridRow], HeldOutScores]:
    """All settings, best first, and the winner's scores. Spark's CrossValidator fits ``jobs`` at once.

    Raises TrainingError where there are too few ratings to hold some out.
    """
    rated = preferences.filter("rating IS NOT NULL").select("user_index", "item_index", "rating")
    train, test = (part.persist() for part in parts(random_rows(rated, TEST, settings.seed)))
    try:
        rows = _cross_validate(train, settings, jobs, ranks, reg_params, iterations)
        return rows, _score(train, test, rows[0], settings)
    finally:
        train.unpersist()
        test.unpersist()


def _als(settings: TrainingSettings) -> ALS:
    blocks = settings.spark_shuffle_partitions  # ten, the default, are many tasks for few ratings
    return ALS(
        userCol="user_index",
        itemCol="item_index",
        ratingCol="rating",
        coldStartStrategy="drop",
        seed=settings.seed,
        numUserBlocks=blocks,
        numItemBlocks=blocks,
    )


def _judge() -> RegressionEvaluator:
    return RegressionEvaluator(metricName="rmse", labelCol="rating", predictionCol="prediction")


def _cross_validate(
    train: DataFrame,
    settings: TrainingSettings,
    jobs: int,
    ranks: tuple[int, ...],
    reg_params: tuple[float, ...],
    iterations: tuple[int, ...],
) -> list[GridRow]:
    seed = settings.seed
    sample = train.sample(False, SAMPLE, seed).persist()
    als = _als(settings)
    grid = (
        ParamGridBuilder()
        .addGrid(als.rank, list(ranks))
        .addGrid(als.regParam, list(reg_params))
        .addGrid(als.maxIter, list(iterations))
        .build()
    )
    folds = CrossValidator(
        estimator=als,
        estimatorParamMaps=grid,
        evaluator=_judge(),
        numFolds=FOLDS,
        seed=seed,
        parallelism=jobs,
    )
    with warnings.catch_warnings():
        # Spark's CrossValidator leaves its thread pool to the garbage collector, which Python warns of.
        warnings.simplefilter("ignore", ResourceWarning)
        means = folds.fit(sample).avgMetrics
        gc.collect()
    sample.unpersist()
    found = [
        GridRow(setting[als.rank], setting[als.regParam], setting[als.maxIter], float(mean))
        for setting, mean in zip(grid, means, strict=True)
    ]
    return sorted(found, key=lambda row: row.rmse)


def _score(train: DataFrame, test: DataFrame, best: GridRow, settings: TrainingSettings) -> HeldOutScores:
    present = GridRow(
        settings.explicit_rank, settings.explicit_reg_param, settings.explicit_max_iter, float("nan")
    )
    mean = train.agg(F.mean("rating")).first()
    found = []
    for row in (best, present):
        als = _als(settings).setRank(row.rank).setRegParam(row.reg_param).setMaxIter(row.max_iter)
        predicted = als.fit(train).transform(test).persist()
        found.append((predicted.count(), predicted))
    ratings, predicted = found[0]
    if not ratings or mean is None:
        raise TrainingError("There are too few ratings in the lake to hold a fifth of them out")
    by_mean = predicted.withColumn("prediction", F.lit(float(mean[0])))
    scores = [float(_judge().evaluate(each)) for each in (predicted, found[1][1], by_mean)]
    for _, each in found:
        each.unpersist()
    return HeldOutScores(ratings, *scores)
