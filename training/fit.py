"""The two ALS models: implicit preferences for ranking, explicit feedback for ratings.

Spark class: pyspark.ml.recommendation.ALS (Hu, Koren, Volinsky 2008; Zhou et al. 2008, ALS-WR).
"""

from __future__ import annotations

from pyspark.ml.recommendation import ALS, ALSModel
from pyspark.sql import DataFrame

from contracts.settings import TrainingSettings


def fit_ranking(preferences: DataFrame, settings: TrainingSettings) -> ALSModel:
    """Implicit ALS on ``strength``; a strength below zero is confidence in preference 0.

    Users and items without any positive strength are left out: their exact factors are zero and change no
    other's, while Spark, which scales regParam by the number of positives, would find their systems singular.
    """
    als = _als(settings, settings.als_rank, settings.als_max_iter, settings.als_reg_param)
    als = als.setImplicitPrefs(True).setAlpha(settings.als_alpha).setRatingCol("strength")
    return als.fit(with_positives(preferences))


def with_positives(preferences: DataFrame) -> DataFrame:
    """The rows whose user and item both have a positive strength somewhere."""
    positive = preferences.filter("strength > 0")
    users, items = (positive.select(side).distinct() for side in ("user_index", "item_index"))
    return preferences.join(users, "user_index", "left_semi").join(items, "item_index", "left_semi")


def fit_rating(ratings: DataFrame, settings: TrainingSettings) -> ALSModel:
    """Explicit ALS on ``rating``."""
    als = _als(settings, settings.explicit_rank, settings.explicit_max_iter, settings.explicit_reg_param)
    return als.setRatingCol("rating").fit(ratings)


def _als(settings: TrainingSettings, rank: int, max_iter: int, reg_param: float) -> ALS:
    blocks = settings.spark_shuffle_partitions
    return ALS(
        rank=rank,
        maxIter=max_iter,
        regParam=reg_param,
        numUserBlocks=blocks,
        numItemBlocks=blocks,
        userCol="user_index",
        itemCol="item_index",
        nonnegative=settings.als_nonnegative,
        coldStartStrategy=settings.cold_start_strategy,
        seed=settings.seed,
    )
