"""How good a fit is on the held-out interactions, with popularity beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
from pyspark.ml.recommendation import ALSModel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from algorithms.metrics import RANKING_METRICS, Positives
from training.ranked_lists import Matrix, known_columns, matrix, ranked_lists

_NAMES = [name for name, _ in RANKING_METRICS]


def ranking_metrics(
    model: ALSModel, train: DataFrame, test: DataFrame, items: int, k: int
) -> dict[str, float]:
    """Means over users with a held-out positive, on the full catalogue, known items left out.

    Keys: ``precision@k`` ... and ``popularity_precision@k`` ..., and ``users_measured``.
    """
    known = known_columns(train, "user_index", "item_index").persist()
    positives = held_out_positives(test).persist()
    ours = ranked_lists(model.userFactors, known, matrix(model.itemFactors, items), k)
    one = known.select(F.col("row").alias("id"), F.array(F.lit(1.0)).alias("features"))
    popular = ranked_lists(one, known, popularity(train, items), k)
    figures, measured = _means(ours, positives, k)
    baseline, _ = _means(popular, positives, k)
    known.unpersist()
    positives.unpersist()
    return (
        figures
        | {f"popularity_{name}": value for name, value in baseline.items()}
        | {"users_measured": float(measured)}
    )


def held_out_positives(test: DataFrame) -> DataFrame:
    """Per user the held-out items that a good list would hold: (row, positives)."""
    liked = test.filter("positive")
    return liked.groupBy(F.col("user_index").alias("row")).agg(F.collect_set("item_index").alias("positives"))


def popularity(train: DataFrame, items: int) -> Matrix:
    """Raters x mean rating per item (plus the weights of other interactions), as factors of rank 1."""
    score = F.sum(F.coalesce("rating", "strength"))
    rows = train.groupBy("item_index").agg(score.alias("score")).toArrow()
    scores = np.zeros((items, 1), np.float32)
    scores[rows["item_index"].to_numpy(), 0] = rows["score"].to_numpy()
    return scores


def _means(lists: DataFrame, positives: DataFrame, k: int) -> tuple[dict[str, float], int]:
    # A user without a list scores 0: leaving users out cannot raise a figure.
    joined = positives.join(lists, "row", "left").select("columns", "positives")
    ddl = ", ".join(f"`{name}` DOUBLE" for name in _NAMES)
    per_user = joined.mapInArrow(_measurer(k), ddl)
    row = per_user.agg(F.count(F.lit(1)).alias("n"), *(F.avg(f"`{n}`").alias(n) for n in _NAMES)).collect()[0]
    return {f"{name}@{k}": round(float(row[name] or 0.0), 6) for name in _NAMES}, int(row["n"])


def _measurer(k: int) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def measure(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            if batch.num_rows:
                yield _measure_batch(batch, k)

    return measure


def _measure_batch(batch: pa.RecordBatch, k: int) -> pa.RecordBatch:
    lists = np.full((batch.num_rows, k), -1, np.int32)
    for row, columns in enumerate(batch.column("columns").to_pylist()):
        found = (columns or [])[:k]
        lists[row, : len(found)] = found
    positives = batch.column("positives")
    truth = Positives(
        np.asarray(positives.offsets, np.int64),
        positives.values.to_numpy(zero_copy_only=False).astype(np.int32),
    )
    values = [pa.array(metric(lists, truth, k), pa.float64()) for _, metric in RANKING_METRICS]
    return pa.RecordBatch.from_arrays(values, names=_NAMES)


def rating_metrics(model: ALSModel, test: DataFrame) -> dict[str, float]:
    """RMSE, MAE and R2 on the held-out ratings that the fit can predict, and their share of all."""
    ratings = test.filter("rating IS NOT NULL")
    predicted = model.setColdStartStrategy("nan").transform(ratings).select("rating", "prediction")
    error, seen = F.col("rating") - F.col("prediction"), ~F.isnan("prediction")
    row = predicted.agg(
        F.count(F.lit(1)).alias("n"),
        F.count_if(seen).alias("seen"),
        F.avg(F.when(seen, error * error)).alias("mse"),
        F.avg(F.when(seen, F.abs(error))).alias("mae"),
        F.var_pop(F.when(seen, F.col("rating"))).alias("variance"),
    ).collect()[0]
    if not row["seen"]:
        return {}
    return {
        "rmse": round(float(row["mse"]) ** 0.5, 6),
        "mae": round(float(row["mae"]), 6),
        "r2": round(1 - float(row["mse"]) / float(row["variance"]), 6) if row["variance"] else 0.0,
        "ratings_predicted": round(row["seen"] / row["n"], 6),
    }
