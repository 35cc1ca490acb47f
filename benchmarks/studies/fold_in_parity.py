"""How far fold-in is from Spark's own user factors, for every user of a MovieLens.

``python -m benchmarks.studies.fold_in_parity --ratings <folder of ml-latest-small>`` fits both of the
trainer's models with its default settings and prints the largest relative difference of a user's factors
(goal: 1e-5).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from pyspark.ml.recommendation import ALSModel
from pyspark.sql import DataFrame, SparkSession

from algorithms.fold_in import UNKNOWN, fold_in
from benchmarks.studies.ranking_models import Array, read_ratings, to_strengths
from clients.spark_session import spark_session
from contracts.settings import TrainingSettings
from training.fit.als import ranking, rating, spark_als


def largest_difference(model: ALSModel, matrix: sp.csr_matrix, **options: Any) -> float:
    """max over users of |folded in - Spark's| / |Spark's|; users without factors must fold in to zeros."""
    users, items = (
        _dense(frame, size, model.rank)
        for frame, size in zip((model.userFactors, model.itemFactors), matrix.shape, strict=True)
    )
    with_factors = np.any(items, axis=1, keepdims=True)[:, 0]
    indices = np.where(with_factors[matrix.indices], matrix.indices, UNKNOWN)
    folded = fold_in(items, matrix.indptr, indices, matrix.data, **options)
    lengths = np.linalg.norm(users, axis=1)
    return float((np.linalg.norm(folded - users, axis=1) / np.where(lengths > 0, lengths, 1)).max())


def _dense(factors: DataFrame, size: int, rank: int) -> Array:
    side = np.zeros((size, rank))
    for row in factors.collect():
        side[row["id"]] = row["features"]
    return side


def _rows(spark: SparkSession, matrix: sp.csr_matrix, column: str) -> DataFrame:
    cells = matrix.tocoo()
    rows = list(zip(cells.row.tolist(), cells.col.tolist(), cells.data.tolist(), strict=True))
    return spark.createDataFrame(rows, f"user_index int, item_index int, {column} float")


def parity(spark: SparkSession, ratings: sp.csr_matrix, settings: TrainingSettings) -> dict[str, float]:
    """The largest relative difference of each form, for ratings as users x items."""
    strengths = to_strengths(ratings, settings.rating_strengths)
    how = (settings.spark_shuffle_partitions, settings.seed)
    ranked = spark_als(_rows(spark, strengths, "strength"), ranking(settings), *how)
    rated = spark_als(_rows(spark, ratings, "rating"), rating(settings), *how)
    implicit = {"reg_param": settings.als_reg_param, "alpha": settings.als_alpha}
    explicit = {"reg_param": settings.explicit_reg_param, "implicit": False}
    nonnegative = {"nonnegative": settings.als_nonnegative}
    return {
        "implicit": largest_difference(ranked, strengths, **implicit, **nonnegative),
        "explicit": largest_difference(rated, ratings, **explicit, **nonnegative),
    }


def main() -> None:
    """Read the command line and print both figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ratings", type=Path, required=True, help="folder with a MovieLens ratings.csv")
    read = read_ratings(parser.parse_args().ratings / "ratings.csv")
    settings = TrainingSettings()
    with spark_session("headwater-parity", settings) as spark:
        figures = parity(spark, sp.csr_matrix((read.values, (read.users, read.items))), settings)
    for form, difference in figures.items():
        print(f"{form}: {difference:.1e}")


if __name__ == "__main__":
    main()
