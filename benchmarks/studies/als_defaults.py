"""Chooses the trainer's default ALS settings on a MovieLens ratings.csv: docs/decisions/0002-als-defaults.md.

    python -m benchmarks.studies.als_defaults --ratings DIR [--trials 120] [--out als_defaults.json] [--spark]

Each user's ratings by time: the oldest 60 % train, the next 20 % choose, the last 20 % are for the table, by
the chosen settings fitted on all before. Positives are ratings of 4 and more; lists are over every item of
the training part without the user's known ones. ``--spark`` also fits the chosen settings with pyspark's ALS.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from algorithms.metrics import mae, mean_ranking_metrics, ndcg_at_k, r2, rmse
from benchmarks.studies.als_search import (
    EXPLICIT,
    IMPLICIT,
    KNN,
    RAW,
    best_of_each_rank,
    choose,
    explicit_rmse,
    implicit_ndcg,
    interval,
    plateau,
    search,
    small_world_ndcg,
    small_worlds,
    without_score,
)
from benchmarks.studies.ranking_models import (
    Array,
    K,
    Setting,
    Split,
    fit_als,
    fit_implicit,
    knn_lists,
    lists_of,
    make_split,
    popularity_lists,
    predict,
    read_ratings,
    to_strengths,
)

TEXTBOOK: Setting = {"rank": 10, "reg_param": 0.1, "max_iter": 10}
PLAIN_KNN: Setting = {"neighbours": 50, "shrink": 0, "strengths": RAW}
# The first guess, which the table compares with the chosen setting.
FIRST_GUESS: Setting = {
    "rank": 32,
    "reg_param": 0.05,
    "alpha": 10,
    "strengths": {0: -0.5, 3: 0.3, 4: 1, 5: 2},
    "max_iter": 10,
}
CHOSEN = "implicit ALS, chosen"


def ranking_table(split: Split, lists: dict[str, Array]) -> list[Setting]:
    """Every list's figures with NDCG's interval, and the paired interval of the chosen one against it."""
    positives = split.positives
    ndcg = {name: ndcg_at_k(rows, positives, K)[positives.counts > 0] for name, rows in lists.items()}
    return [
        {
            "model": name,
            **{key: round(value, 4) for key, value in mean_ranking_metrics(rows, positives, K).items()},
            "ndcg_interval": interval(ndcg[name])[1:],
            "chosen_minus_this": interval(ndcg[CHOSEN] - ndcg[name]),
        }
        for name, rows in lists.items()
    ]


def rating_table(split: Split, factors: dict[str, tuple[Array, Array]]) -> list[Setting]:
    """RMSE, MAE and R2 of explicit ALS, compared with the training part's mean."""
    predicted = {name: predict(split, *sides) for name, sides in factors.items()}
    truth = next(iter(predicted.values()))[0]
    rows = {"mean rating": np.full(len(truth), split.train.data.mean())}
    rows |= {name: values for name, (_, values) in predicted.items()}
    measures = (("rmse", rmse), ("mae", mae), ("r2", r2))
    return [
        {"model": name, **{m: round(f(truth, row), 4) for m, f in measures}} for name, row in rows.items()
    ]


def spark_factors(split: Split, setting: Setting) -> tuple[Array, Array]:
    """pyspark's ALS on the same ratings: implicit where the setting has an alpha."""
    from pyspark.ml.recommendation import ALS  # only --spark needs it
    from pyspark.sql import SparkSession

    session = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
    implicit = "alpha" in setting
    matrix = (to_strengths(split.train, setting["strengths"]) if implicit else split.train).tocoo()
    rows = list(zip(matrix.row.tolist(), matrix.col.tolist(), matrix.data.tolist(), strict=True))
    als = ALS(rank=setting["rank"], maxIter=setting["max_iter"], regParam=setting["reg_param"], seed=42)
    als.setImplicitPrefs(implicit).setAlpha(float(setting.get("alpha", 1.0)))
    model = als.fit(session.createDataFrame(rows, "user int, item int, rating float").repartition(4))
    sides = []
    for size, frame in zip(matrix.shape, (model.userFactors, model.itemFactors), strict=True):
        side = np.zeros((size, setting["rank"]))
        for row in frame.collect():
            side[row["id"]] = row["features"]
        sides.append(side)
    return sides[0], sides[1]


def final_lists(test: Split, chosen: Setting, knn: Setting, explicit: dict[str, Any]) -> dict[str, Array]:
    """The lists of every model, fitted on train and validation."""
    return {
        CHOSEN: lists_of(test, *fit_implicit(test, chosen, 0)),
        "implicit ALS, first guess": lists_of(test, *fit_implicit(test, FIRST_GUESS, 0)),
        "item-kNN, tuned": knn_lists(test, knn),
        "item-kNN, plain": knn_lists(test, PLAIN_KNN),
        "popularity": popularity_lists(test, True),
        "most rated": popularity_lists(test, False),
        **{name: lists_of(test, *factors) for name, factors in explicit.items()},
    }


def study(directory: Path, trials: int, with_spark: bool) -> Setting:
    """The whole search on the validation part, then the table of the test part."""
    ratings = read_ratings(directory / "ratings.csv")
    validation, test = make_split(ratings, 1), make_split(ratings, 2)
    positives, worlds = validation.positives, small_worlds()
    implicit = search(IMPLICIT, lambda s: float(implicit_ndcg(validation, s, 2).mean()), trials)
    bests = best_of_each_rank(validation, implicit)
    cells = plateau(validation, max(bests, key=lambda best: float(best["ndcg"][0]))["strengths"])
    chosen = choose(cells, worlds)
    rated = search(EXPLICIT, lambda s: -explicit_rmse(validation, s, 2), trials // 3)
    knn = search(
        KNN, lambda s: float(np.nanmean(ndcg_at_k(knn_lists(validation, s), positives, K))), trials // 4
    )
    settings = {"explicit ALS, textbook": TEXTBOOK, "explicit ALS, chosen": without_score(rated[0])}
    explicit = {name: fit_als(test.train, setting, 0) for name, setting in settings.items()}
    lists = final_lists(test, chosen, knn[0], explicit)
    if with_spark:
        lists["implicit ALS, Spark"] = lists_of(test, *spark_factors(test, chosen))
        explicit["explicit ALS, Spark"] = spark_factors(test, settings["explicit ALS, chosen"])
    popular = [mean_ranking_metrics(popularity_lists(w, True), w.positives, K)[f"ndcg@{K}"] for w in worlds]
    small = {"chosen": small_world_ndcg(worlds, chosen), "first guess": small_world_ndcg(worlds, FIRST_GUESS)}
    return {
        "chosen": chosen,
        "best of each rank": bests,
        "plateau": sorted(cells, key=lambda cell: -float(cell["plateau"])),
        "explicit": rated,
        "item-kNN": knn,
        "ranking": ranking_table(test, lists),
        "ratings": rating_table(test, explicit),
        "small worlds": [
            {
                "model": name,
                "ndcg": round(float(ndcg.mean()), 4),
                "beats_popularity": int((ndcg > popular).sum()),
            }
            for name, ndcg in {**small, "popularity": np.array(popular)}.items()
        ],
        "trials": implicit,
    }


def main() -> None:
    """Read the command line, print the tables, write the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ratings", type=Path, required=True, help="folder with a MovieLens ratings.csv")
    parser.add_argument("--trials", type=int, default=120)
    parser.add_argument("--out", type=Path, default=Path("als_defaults.json"))
    parser.add_argument("--spark", action="store_true", help="fit the chosen settings with pyspark too")
    options = parser.parse_args()
    result = study(options.ratings, options.trials, options.spark)
    options.out.write_text(json.dumps(result, indent=2) + "\n")
    for name, rows in result.items():
        print(f"\n{name}")
        for row in rows[:10] if isinstance(rows, list) else [rows]:
            print("  ", "  ".join(f"{key} {value}" for key, value in row.items()))


if __name__ == "__main__":
    main()
