"""The classic grid of the textbooks: explicit ALS, 18 settings, 3 folds on a sample, by RMSE."""

from __future__ import annotations

import gc
import warnings
from typing import NamedTuple

from pyspark.ml.evaluation import RegressionEvaluator
from pyspark.ml.recommendation import ALS
from pyspark.ml.tuning import CrossValidator, ParamGridBuilder
from pyspark.sql import DataFrame

RANKS, REG_PARAMS, ITERATIONS = (20, 50, 100), (0.01, 0.1, 1.0), (5, 10)
SAMPLE, FOLDS = 0.3, 3


class GridRow(NamedTuple):
    """One setting and its mean RMSE over the folds."""

    rank: int
    reg_param: float
    max_iter: int
    rmse: float


def classic_grid(
    preferences: DataFrame,
    seed: int,
    jobs: int,
    ranks: tuple[int, ...] = RANKS,
    reg_params: tuple[float, ...] = REG_PARAMS,
    iterations: tuple[int, ...] = ITERATIONS,
) -> list[GridRow]:
    """All settings, best first. Spark's CrossValidator fits ``jobs`` at once."""
    rows = preferences.filter("rating IS NOT NULL").sample(False, SAMPLE, seed).persist()
    als = ALS(
        userCol="user_index", itemCol="item_index", ratingCol="rating", coldStartStrategy="drop", seed=seed
    )
    grid = (
        ParamGridBuilder()
        .addGrid(als.rank, list(ranks))
        .addGrid(als.regParam, list(reg_params))
        .addGrid(als.maxIter, list(iterations))
        .build()
    )
    judge = RegressionEvaluator(metricName="rmse", labelCol="rating", predictionCol="prediction")
    folds = CrossValidator(
        estimator=als, estimatorParamMaps=grid, evaluator=judge, numFolds=FOLDS, seed=seed, parallelism=jobs
    )
    with warnings.catch_warnings():
        # Spark's CrossValidator leaves its thread pool to the garbage collector, which Python warns of.
        warnings.simplefilter("ignore", ResourceWarning)
        means = folds.fit(rows).avgMetrics
        gc.collect()
    rows.unpersist()
    found = [
        GridRow(setting[als.rank], setting[als.regParam], setting[als.maxIter], float(mean))
        for setting, mean in zip(grid, means, strict=True)
    ]
    return sorted(found, key=lambda row: row.rmse)
