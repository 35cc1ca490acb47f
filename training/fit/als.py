"""The two ALS problems, implicit preferences for ranking and explicit feedback for ratings, solved by Spark.

Spark class: pyspark.ml.recommendation.ALS (Hu, Koren, Volinsky 2008; Zhou et al. 2008, ALS-WR).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from pyspark.ml.recommendation import ALS, ALSModel
from pyspark.sql import DataFrame

from contracts.settings import TrainingSettings
from training.fit.factors import Matrix, matrix


@dataclass(frozen=True)
class Problem:
    """Which column of the preferences is fitted, and with which form of ALS."""

    name: str  # in front of the folders of its factors
    column: str
    implicit: bool
    rank: int
    max_iter: int
    reg_param: float
    alpha: float
    nonnegative: bool
    # The prediction for a user or an item without factors (Spark: coldStartStrategy): none ("drop"), or NaN,
    # which makes every figure over the predictions NaN.
    cold_start_strategy: Literal["nan", "drop"] = "drop"


class Factors(NamedTuple):
    """User factors (id, features), exact for the item factors, which are one matrix by index."""

    users: DataFrame
    items: Matrix
    release: Callable[[], object]  # gives back what the executors keep for them


def ranking(settings: TrainingSettings) -> Problem:
    """Implicit ALS on ``strength``; a strength below zero is confidence in preference 0."""
    return Problem(
        name="",
        column="strength",
        implicit=True,
        rank=settings.als_rank,
        max_iter=settings.als_max_iter,
        reg_param=settings.als_reg_param,
        alpha=settings.als_alpha,
        nonnegative=settings.als_nonnegative,
    )


def rating(settings: TrainingSettings) -> Problem:
    """Explicit ALS on ``rating``."""
    return Problem(
        name="rating_",
        column="rating",
        implicit=False,
        rank=settings.explicit_rank,
        max_iter=settings.explicit_max_iter,
        reg_param=settings.explicit_reg_param,
        alpha=1.0,
        nonnegative=settings.als_nonnegative,
        cold_start_strategy=settings.cold_start_strategy,
    )


def training_rows(preferences: DataFrame, problem: Problem) -> DataFrame:
    """The rows (user_index, item_index and the column) that the fit learns from."""
    rows = preferences.select("user_index", "item_index", problem.column)
    return with_positives(rows) if problem.implicit else rows.filter(f"{problem.column} IS NOT NULL")


def with_positives(preferences: DataFrame) -> DataFrame:
    """The rows whose user and item both have a positive strength somewhere.

    The exact factors of all others are zero and do not influence any factors, while Spark, which scales
    regParam by the number of positives, would find their systems singular.
    """
    positive = preferences.filter("strength > 0")
    users, items = (positive.select(side).distinct() for side in ("user_index", "item_index"))
    return preferences.join(users, "user_index", "left_semi").join(items, "item_index", "left_semi")


def full_fit(preferences: DataFrame, problem: Problem, items: int, blocks: int, seed: int) -> Factors:
    """Spark's ALS from random factors, in a given number of blocks of users and of items."""
    model = spark_als(preferences, problem, blocks, seed)
    found = matrix(model.itemFactors, items, problem.rank)

    def release() -> None:
        model.userFactors.unpersist()
        model.itemFactors.unpersist()

    return Factors(model.userFactors, found, release)


def spark_als(preferences: DataFrame, problem: Problem, blocks: int, seed: int) -> ALSModel:
    """The fitted model itself."""
    als = ALS(
        rank=problem.rank,
        maxIter=problem.max_iter,
        regParam=problem.reg_param,
        alpha=problem.alpha,
        implicitPrefs=problem.implicit,
        nonnegative=problem.nonnegative,
        numUserBlocks=blocks,
        numItemBlocks=blocks,
        userCol="user_index",
        itemCol="item_index",
        ratingCol=problem.column,
        coldStartStrategy=problem.cold_start_strategy,
        seed=seed,
    )
    return als.fit(training_rows(preferences, problem))
