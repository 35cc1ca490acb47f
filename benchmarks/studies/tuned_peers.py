"""ALS compared with tuned peers on the slices of `headwater tune`: docs/decisions/0010-tuning-study.md.

    python -m benchmarks.studies.tuned_peers --ratings DIR [--trials 60] \\
        [--tuned '{"rank": ..., "strengths": ...}']

Each user's newest fifth is what the gate holds out (the test), the newest fifth of the rest is what is chosen
on, as `headwater tune` splits where few users come back. Every peer gets as many trials, by Optuna's TPE with
one seed; a tuned setting is fitted again on all before the test. Positives are ratings of 4 and more.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import scipy.sparse as sp
from implicit.cpu.als import AlternatingLeastSquares

from algorithms.metrics import ndcg_at_k
from benchmarks.studies.als_search import GRADES, interval
from benchmarks.studies.ranking_models import (
    Array,
    K,
    Setting,
    Split,
    fit_implicit,
    knn_lists,
    lists_of,
    popularity_lists,
    to_strengths,
)

DEFAULT: Setting = {
    "rank": 16,
    "reg_param": 0.01,
    "alpha": 0.5,
    "strengths": {0: -0.5, 3: 0, 4: 1, 5: 2},
    "max_iter": 10,
}
_FRACTION, _SEEDS = 0.2, 3
Suggest = Callable[[optuna.Trial], Setting]
Lists = Callable[[Split, Setting, int], Array]


def newest(users: Array, items: Array, times: Array) -> Array:
    """Of a user's n > 1 rows the newest max(1, floor(n / 5)): training.data.split.per_user_temporal."""
    order = np.lexsort((-items, -times, users))
    counts = np.bincount(users)
    place = np.empty(len(users), int)
    place[order] = np.arange(len(users)) - np.repeat(np.cumsum(counts) - counts, counts)
    size = counts[users]
    held: Array = (place < np.maximum(1, np.floor(size * _FRACTION))) & (size > 1)
    return held


def splits(path: Path) -> tuple[Split, Split]:
    """The slice that settings are chosen on, and the slice that is reported."""
    with path.open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    users, items = (np.unique([row[n] for row in rows], return_inverse=True)[1] for n in (0, 1))
    values, times = (np.array([float(row[n]) for row in rows]) for n in (2, 3))
    test = newest(users, items, times)
    past = np.flatnonzero(~test)
    chosen_on = past[newest(users[past], items[past], times[past])]
    train = np.setdiff1d(past, chosen_on)
    shape = (users.max() + 1, items.max() + 1)

    def matrix_of(rows: Array) -> sp.csr_matrix:
        return sp.csr_matrix((values[rows], (users[rows], items[rows])), shape)

    return Split(matrix_of(train), matrix_of(chosen_on)), Split(
        matrix_of(past), matrix_of(np.flatnonzero(test))
    )


def _strengths(trial: optuna.Trial) -> dict[float, float]:
    return GRADES[trial.suggest_int("strengths", 0, len(GRADES) - 1)]


def _als_setting(trial: optuna.Trial, reg_param: tuple[float, float] = (0.003, 1.0)) -> Setting:
    return {
        "rank": trial.suggest_int("rank", 8, 128, log=True),
        "reg_param": trial.suggest_float("reg_param", *reg_param, log=True),
        "alpha": trial.suggest_float("alpha", 0.3, 40, log=True),
        "max_iter": trial.suggest_int("max_iter", 4, 15),
        "strengths": _strengths(trial),
    }


def _damped_setting(trial: optuna.Trial) -> Setting:
    damping = {
        "power": trial.suggest_float("power", 0.0, 1.0),
        "offset": trial.suggest_float("offset", 1e-4, 1.0, log=True),
    }
    return {**_als_setting(trial, (1e-3, 30.0)), **damping, "max_iter": 16}


def _knn_setting(trial: optuna.Trial) -> Setting:
    return {
        "neighbours": trial.suggest_int("neighbours", 10, 2000, log=True),
        "shrink": trial.suggest_float("shrink", 0, 50),
        "strengths": _strengths(trial),
    }


def _als_lists(split: Split, setting: Setting, seed: int) -> Array:
    return lists_of(split, *fit_implicit(split, setting, seed))


def _implicit_lists(split: Split, setting: Setting, seed: int) -> Array:
    """implicit takes a negative confidence as ours takes a negative strength: preference 0."""
    model = AlternatingLeastSquares(
        factors=setting["rank"],
        regularization=setting["reg_param"],
        alpha=setting["alpha"],
        iterations=setting["max_iter"],
        random_state=seed,
        num_threads=1,
    )
    model.fit(to_strengths(split.train, setting["strengths"]).astype(np.float32), show_progress=False)
    return lists_of(split, np.asarray(model.user_factors), np.asarray(model.item_factors))


def _implicit_setting(trial: optuna.Trial) -> Setting:
    return _als_setting(trial, (1e-3, 100.0))  # not multiplied by n


PEERS: tuple[tuple[str, Suggest, Lists], ...] = (
    ("our ALS, tuned here", _als_setting, _als_lists),
    ("ALS, regularisation damped by popularity", _damped_setting, _als_lists),
    ("implicit's ALS", _implicit_setting, _implicit_lists),
    ("item-kNN", _knn_setting, lambda split, setting, _: knn_lists(split, setting)),
)


def ndcg(split: Split, lists: Lists, setting: Setting, seeds: int) -> Array:
    """NDCG@K of each user with positives, as the mean over seeds."""
    positives = split.positives
    runs = [ndcg_at_k(lists(split, setting, seed), positives, K) for seed in range(seeds)]
    return np.asarray(np.mean(runs, axis=0)[positives.counts > 0])


def tune(split: Split, suggest: Suggest, lists: Lists, trials: int) -> Setting:
    """The setting of the best trial."""
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=42))
    found: dict[int, Setting] = {}

    def measure(trial: optuna.Trial) -> float:
        found[trial.number] = suggest(trial)
        return float(ndcg(split, lists, found[trial.number], 1).mean())

    study.optimize(measure, n_trials=trials)
    return found[study.best_trial.number]


def main() -> None:
    """Print one row per model: NDCG@10 on both slices with intervals, and the difference to the default."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ratings", type=Path, required=True, help="folder with a MovieLens ratings.csv")
    parser.add_argument("--trials", type=int, default=60, help="of each peer; 0: no peers")
    parser.add_argument("--tuned", action="append", default=[], help="another setting of our ALS, as JSON")
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    chosen_on, test = splits(options.ratings / "ratings.csv")
    default = ndcg(test, _als_lists, DEFAULT, _SEEDS)

    def report(name: str, setting: Setting, lists: Lists) -> None:
        before, after = (ndcg(split, lists, setting, _SEEDS) for split in (chosen_on, test))
        difference = interval(after - default)
        print(f"{name}: validation {interval(before)}, test {interval(after)}, minus default {difference}")
        print(f"    {setting}", flush=True)

    report("the defaults", DEFAULT, _als_lists)
    report("popularity", {}, lambda split, *_: popularity_lists(split, True))
    for text in options.tuned:
        setting: dict[str, Any] = json.loads(text)
        setting["strengths"] = {float(rating): grade for rating, grade in setting["strengths"].items()}
        report("the given setting", setting, _als_lists)
    for name, suggest, lists in PEERS if options.trials else ():
        report(name, tune(chosen_on, suggest, lists, options.trials), lists)


if __name__ == "__main__":
    main()
