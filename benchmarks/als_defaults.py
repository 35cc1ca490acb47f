"""Chooses the trainer's default ALS settings on a MovieLens ratings.csv: docs/decisions/0002-als-defaults.md.

    python -m benchmarks.als_defaults --ratings DIR [--trials 120] [--out als_defaults.json] [--spark]

Each user's ratings by time: the oldest 60 % train, the next 20 % choose, the last 20 % are looked at once,
by the chosen settings fitted on all before. Positives are ratings of 4 and more; lists are over every item of
the training part without the user's known ones. ``--spark`` also fits the chosen settings with pyspark's ALS.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from algorithms.metrics import mae, mean_ranking_metrics, ndcg_at_k, r2, rmse
from benchmarks.ranking_models import (
    Array,
    Setting,
    Split,
    by_time,
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

K = 10
SEEDS = range(5)
TEXTBOOK: Setting = {"rank": 10, "reg_param": 0.1, "max_iter": 10}
# Graded preference of a rating: the entry with the largest key not above it counts (TrainingSettings).
RAW = {step / 2: step / 2 for step in range(1, 11)}
GRADES: list[dict[float, float]] = [
    RAW,
    {0: 1},  # rated at all
    {0: 0, 4: 1},
    {0: -0.5, 3: 0, 4: 1},
    {0: 0, 4: 1, 5: 2},
    {0: -0.5, 3: 0, 4: 1, 5: 2},
    {0: -1, 3: 0, 4: 1, 5: 1.5},
    {0: 0, 3: 0.3, 4: 1, 5: 2},
    {0: -0.5, 3: 0.3, 4: 1, 5: 2},
    {0: -0.5, 3: 0.05, 4: 1, 5: 2},
]
# The first key of a space is its cost: the search refines each of its values.
IMPLICIT: dict[str, list[Any]] = {
    "rank": [16, 32, 48, 64, 96, 128],
    "reg_param": [0.003, 0.01, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0],
    "alpha": [0.3, 0.5, 1, 2, 3, 5, 10, 20, 40],
    "strengths": GRADES,
    "max_iter": [5, 10, 15, 20],
}
EXPLICIT: dict[str, list[Any]] = {
    "rank": [2, 5, 10, 20, 32, 64],
    "reg_param": [0.03, 0.05, 0.08, 0.1, 0.13, 0.15, 0.17, 0.2, 0.3],
    "max_iter": [5, 10, 15, 20],
}
KNN: dict[str, list[Any]] = {
    "neighbours": [20, 50, 100, 300, 1_000_000],
    "shrink": [0, 5, 10, 20, 50],
    "strengths": [RAW, {0: 1}, {0: 0, 4: 1}, {0: 0, 4: 1, 5: 2}, {0: 0, 3: 0.3, 4: 1, 5: 2}],
}


def search(space: dict[str, list[Any]], score: Callable[[Setting], float], trials: int) -> list[Setting]:
    """Seeded random search for half of the trials, then steps away from the best of each cost in turn."""
    rng, done = np.random.default_rng(7), dict[str, Setting]()
    cost, *others = space
    while len(done) < trials:
        setting = {key: values[rng.integers(len(values))] for key, values in space.items()}
        rivals = [
            trial for trial in done.values() if trial[cost] == space[cost][len(done) % len(space[cost])]
        ]
        if len(done) > trials // 2 and rivals:
            best = max(rivals, key=lambda trial: float(trial["score"]))
            changed = rng.choice(others, size=rng.integers(1, 3), replace=False)
            setting = {key: setting[key] if key in changed else best[key] for key in space}
        if str(setting) in done:
            continue
        started = time.perf_counter()
        trial = {**setting, "score": round(score(setting), 5)}
        done[str(setting)] = trial
        print(
            f"{len(done)}/{trials} {trial} {time.perf_counter() - started:.1f} s", file=sys.stderr, flush=True
        )
    return sorted(done.values(), key=lambda trial: -float(trial["score"]))


def implicit_ndcg(split: Split, setting: Setting, seeds: range = SEEDS) -> Array:
    """NDCG@K of each user with positives, as the mean over seeds."""
    positives = split.positives
    runs = [ndcg_at_k(lists_of(split, *fit_implicit(split, setting, s)), positives, K) for s in seeds]
    mean: Array = np.mean(runs, axis=0)
    return mean[positives.counts > 0]


def explicit_rmse(split: Split, setting: Setting, seeds: range) -> float:
    """RMSE of the later ratings, as the mean over seeds."""
    return float(np.mean([rmse(*predict(split, *fit_als(split.train, setting, seed))) for seed in seeds]))


def interval(values: Array) -> list[float]:
    """Mean and its 95 % percentile bootstrap interval over users (2,000 resamples)."""
    rng = np.random.default_rng(0)
    means = [values[rng.integers(0, len(values), len(values))].mean() for _ in range(2000)]
    return [round(float(x), 4) for x in (values.mean(), *np.percentile(means, [2.5, 97.5]))]


def bare(trial: Setting) -> Setting:
    """A trial without its score."""
    return {key: value for key, value in trial.items() if key != "score"}


def cheapest_as_good(split: Split, trials: list[Setting]) -> tuple[Setting, list[Setting]]:
    """The best of the lowest rank whose paired interval against the best of all reaches zero; all bests."""
    ranks = sorted({trial["rank"] for trial in trials})
    best_of_rank = {rank: next(bare(t) for t in trials if t["rank"] == rank) for rank in ranks}
    values = {rank: implicit_ndcg(split, setting) for rank, setting in best_of_rank.items()}
    top = max(values, key=lambda rank: float(values[rank].mean()))
    finalists = [
        {**setting, "ndcg": interval(values[rank]), "against_best": interval(values[rank] - values[top])}
        for rank, setting in best_of_rank.items()
    ]
    chosen = min(f["rank"] for f in finalists if f["against_best"][2] >= 0)
    return best_of_rank[chosen], finalists


def neighbours(split: Split, chosen: Setting) -> list[Setting]:
    """The chosen setting with one value moved to the next of its grid, worst first."""
    found = []
    for key in ("rank", "reg_param", "alpha", "max_iter"):
        values = sorted({*IMPLICIT[key], chosen[key]})
        place = values.index(chosen[key])
        for value in values[max(0, place - 1) : place] + values[place + 1 : place + 2]:
            mean = float(implicit_ndcg(split, {**chosen, key: value}, range(3)).mean())
            found.append({"changed": key, "to": value, "ndcg": round(mean, 4)})
    return sorted(found, key=lambda one: float(one["ndcg"]))


def ranking_table(split: Split, lists: dict[str, Array], chosen: str) -> list[Setting]:
    """Every list's figures with NDCG's interval, and the paired interval of the chosen one against it."""
    positives = split.positives
    ndcg = {name: ndcg_at_k(rows, positives, K)[positives.counts > 0] for name, rows in lists.items()}
    return [
        {
            "model": name,
            **{key: round(value, 4) for key, value in mean_ranking_metrics(rows, positives, K).items()},
            "ndcg_interval": interval(ndcg[name])[1:],
            "chosen_minus_this": interval(ndcg[chosen] - ndcg[name]),
        }
        for name, rows in lists.items()
    ]


def rating_table(split: Split, settings: dict[str, Setting]) -> list[Setting]:
    """RMSE, MAE and R2 of explicit ALS, beside the training part's mean."""
    truth, _ = predict(split, *fit_als(split.train, TEXTBOOK, 0))
    rows = {"mean rating": np.full(len(truth), split.train.data.mean())}
    rows |= {name: predict(split, *fit_als(split.train, setting, 0))[1] for name, setting in settings.items()}
    measures = (("rmse", rmse), ("mae", mae), ("r2", r2))
    return [
        {"model": name, **{m: round(f(truth, row), 4) for m, f in measures}} for name, row in rows.items()
    ]


def tiny_world(chosen: Setting, seed: int) -> tuple[float, float]:
    """NDCG of the chosen setting and of popularity among 100 users, 500 items and 5,000 ratings of rank 4."""
    rng = np.random.default_rng(seed)
    taste, nature = rng.standard_normal((100, 4)), rng.standard_normal((500, 4))
    affinity = taste @ nature.T / 2 + rng.standard_normal(500) * 0.5
    # Popular and fitting items are seen first; a rating is the affinity with noise, in half steps.
    appeal = affinity + rng.gumbel(size=affinity.shape) - np.log(1 + rng.permutation(500))
    users, items = np.repeat(np.arange(100), 50), np.argsort(-appeal, axis=1)[:, :50].ravel()
    noisy = 3.3 + affinity[users, items] + rng.standard_normal(5000) * 0.4
    split = make_split(by_time(users, items, np.clip(np.round(noisy * 2) / 2, 0.5, 5), rng.random(5000)), 2)
    popular = mean_ranking_metrics(popularity_lists(split, True), split.positives, K)
    return float(implicit_ndcg(split, chosen, range(1)).mean()), popular[f"ndcg@{K}"]


def spark_factors(split: Split, setting: Setting) -> tuple[Array, Array]:
    """pyspark's ALS on the same ratings: implicit where the setting has an alpha."""
    from pyspark.ml.recommendation import ALS
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


def study(directory: Path, trials: int, with_spark: bool) -> Setting:
    """The whole search, then the one look at the test part."""
    ratings = read_ratings(directory / "ratings.csv")
    validation, test = make_split(ratings, 1), make_split(ratings, 2)
    positives = validation.positives
    implicit = search(IMPLICIT, lambda s: float(implicit_ndcg(validation, s, range(2)).mean()), trials)
    chosen, finalists = cheapest_as_good(validation, implicit)
    rated = search(EXPLICIT, lambda s: -explicit_rmse(validation, s, range(2)), trials // 3)
    knn = search(
        KNN, lambda s: float(np.nanmean(ndcg_at_k(knn_lists(validation, s), positives, K))), trials // 4
    )
    settings = {"explicit ALS, textbook": TEXTBOOK, "explicit ALS, chosen": bare(rated[0])}
    lists = {"implicit ALS, chosen": lists_of(test, *fit_implicit(test, chosen, 0))}
    lists |= {"item-kNN, tuned": knn_lists(test, knn[0])}
    lists |= {"popularity": popularity_lists(test, True), "most rated": popularity_lists(test, False)}
    lists |= {name: lists_of(test, *fit_als(test.train, setting, 0)) for name, setting in settings.items()}
    if with_spark:
        lists |= {"implicit ALS, Spark": lists_of(test, *spark_factors(test, chosen))}
    tiny = np.array([tiny_world(chosen, seed) for seed in range(20)])
    return {
        "chosen": chosen,
        "finalists": finalists,
        "neighbours": neighbours(validation, chosen),
        "explicit": rated[:10],
        "item-kNN": knn[:5],
        "ranking": ranking_table(test, lists, "implicit ALS, chosen"),
        "ratings": rating_table(test, settings),
        "tiny world": {
            "als": tiny[:, 0].mean(),
            "popularity": tiny[:, 1].mean(),
            "wins": int((tiny[:, 0] > tiny[:, 1]).sum()),
        },
        "trials": implicit,
    }


def main() -> None:
    """Reads the command line, prints the tables, writes the JSON."""
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
    for name in ("chosen", "finalists", "neighbours", "ranking", "ratings", "tiny world"):
        print(f"\n{name}")
        for row in result[name] if isinstance(result[name], list) else [result[name]]:
            print("  ", "  ".join(f"{key} {value}" for key, value in row.items()))


if __name__ == "__main__":
    main()
