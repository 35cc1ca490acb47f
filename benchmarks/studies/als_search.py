"""Finds settings of ALS: random search, then the middle of the best plateau, then a check in small worlds."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from algorithms.metrics import ndcg_at_k, rmse
from benchmarks.studies.ranking_models import (
    Array,
    K,
    Setting,
    Split,
    by_time,
    fit_als,
    fit_implicit,
    lists_of,
    make_split,
    predict,
)
from ingest.simulated.source import SyntheticWorld, WorldSize

Space = dict[str, list[Any]]
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
IMPLICIT: Space = {
    "rank": [16, 32, 48, 64, 96, 128],
    "reg_param": [0.003, 0.01, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0],
    "alpha": [0.3, 0.5, 1, 2, 3, 5, 10, 20, 40],
    "strengths": GRADES,
    "max_iter": [5, 10, 15, 20],
}
EXPLICIT: Space = {
    "rank": [2, 5, 10, 20, 32, 64],
    "reg_param": [0.03, 0.05, 0.08, 0.1, 0.13, 0.15, 0.17, 0.2, 0.3],
    "max_iter": [5, 10, 15, 20],
}
KNN: Space = {
    "neighbours": [20, 50, 100, 300, 1_000_000],
    "shrink": [0, 5, 10, 20, 50],
    "strengths": [RAW, {0: 1}, {0: 0, 4: 1}, {0: 0, 4: 1, 5: 2}, {0: 0, 3: 0.3, 4: 1, 5: 2}],
}
# Ranks that are cheap to fit and to serve; the outer values only border the plateau.
PLATEAU: Space = {
    "rank": [32, 48, 64],
    "reg_param": [0.05, 0.1, 0.2, 0.3, 0.5, 0.7],
    "alpha": [1, 2, 3, 5, 8],
}
WITHIN_NOISE = 0.001


def search(space: Space, score: Callable[[Setting], float], trials: int) -> list[Setting]:
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
        done[str(setting)] = {**setting, "score": round(score(setting), 5)}
        _log(f"{len(done)}/{trials} {done[str(setting)]} {time.perf_counter() - started:.1f} s")
    return sorted(done.values(), key=lambda trial: -float(trial["score"]))


def implicit_ndcg(split: Split, setting: Setting, seeds: int) -> Array:
    """NDCG@K of each user with positives, as the mean over seeds."""
    positives = split.positives
    runs = [
        ndcg_at_k(lists_of(split, *fit_implicit(split, setting, seed)), positives, K) for seed in range(seeds)
    ]
    mean: Array = np.mean(runs, axis=0)
    return mean[positives.counts > 0]


def explicit_rmse(split: Split, setting: Setting, seeds: int) -> float:
    """RMSE of the later ratings, as the mean over seeds."""
    fits = (fit_als(split.train, setting, seed) for seed in range(seeds))
    return float(np.mean([rmse(*predict(split, *factors)) for factors in fits]))


def interval(values: Array) -> list[float]:
    """Mean and its 95 % percentile bootstrap interval over users (2,000 resamples)."""
    rng = np.random.default_rng(0)
    means = [values[rng.integers(0, len(values), len(values))].mean() for _ in range(2000)]
    return [round(float(x), 4) for x in (values.mean(), *np.percentile(means, [2.5, 97.5]))]


def best_of_each_rank(split: Split, trials: list[Setting]) -> list[Setting]:
    """The search's best per rank over five seeds, with the paired interval against the best of all."""
    bests = {trial["rank"]: without_score(trial) for trial in reversed(trials)}
    values = {rank: implicit_ndcg(split, bests[rank], 5) for rank in sorted(bests)}
    top = max(values.values(), key=lambda ndcg: float(ndcg.mean()))
    return [
        {**bests[rank], "ndcg": interval(ndcg), "against_best": interval(ndcg - top)}
        for rank, ndcg in values.items()
    ]


def without_score(trial: Setting) -> Setting:
    """The setting of a trial."""
    return {key: value for key, value in trial.items() if key != "score"}


def plateau(split: Split, strengths: dict[float, float]) -> list[Setting]:
    """Settings of a grid, each with its NDCG and the mean and lowest of itself and its eight neighbours."""
    cells: list[Setting] = []
    regs, alphas = PLATEAU["reg_param"], PLATEAU["alpha"]
    for rank in PLATEAU["rank"]:
        ndcg = np.zeros((len(regs), len(alphas)))
        for i, j in np.ndindex(ndcg.shape):
            setting = {"rank": rank, "reg_param": regs[i], "alpha": alphas[j]}
            setting |= {"strengths": strengths, "max_iter": 10}
            ndcg[i, j] = implicit_ndcg(split, setting, 3).mean()
            _log(f"plateau {setting} {ndcg[i, j]:.4f}")
            cells.append({**setting, "ndcg": round(float(ndcg[i, j]), 4)})
        for i, j in np.ndindex(len(regs) - 2, len(alphas) - 2):
            around = ndcg[i : i + 3, j : j + 3]
            middle = cells[len(cells) - ndcg.size + (i + 1) * len(alphas) + j + 1]
            middle |= {"plateau": round(float(around.mean()), 5), "lowest": round(float(around.min()), 4)}
    return [cell for cell in cells if "plateau" in cell]


def choose(cells: list[Setting], worlds: list[Split]) -> Setting:
    """The cell that is best in the small worlds, among those whose plateau equals the best within noise."""
    level = max(cell["plateau"] for cell in cells) - WITHIN_NOISE
    rivals = [cell for cell in cells if cell["plateau"] >= level]
    for cell in rivals:
        cell["small_worlds"] = round(float(small_world_ndcg(worlds, cell).mean()), 4)
    return max(rivals, key=lambda cell: float(cell["small_worlds"]))


def small_worlds() -> list[Split]:
    """Twenty worlds of 100 users, 500 items, 5,000 ratings: ten of the built-in source, ten plainer ones."""
    worlds = []
    for seed in range(10):
        size = WorldSize(users=100, items=500, ratings=5000, seed=seed)
        users, items, values, times = SyntheticWorld(size).history()
        worlds += [make_split(by_time(users, items, values, times), 2), _plain_world(seed)]
    return worlds


def small_world_ndcg(worlds: list[Split], setting: Setting) -> Array:
    """Mean NDCG@K of each world."""
    return np.array([implicit_ndcg(world, setting, 1).mean() for world in worlds])


def _plain_world(seed: int) -> Split:
    """A world with tastes of rank 4, 50 ratings a user in random order, and strongly popular items."""
    rng = np.random.default_rng(seed)
    affinity = rng.standard_normal((100, 4)) @ rng.standard_normal((4, 500)) / 2
    affinity += rng.standard_normal(500) * 0.5
    # Users rate items that are popular and fit their taste. A rating is affinity plus noise, in half steps.
    appeal = affinity + rng.gumbel(size=affinity.shape) - np.log(1 + rng.permutation(500))
    users, items = np.repeat(np.arange(100), 50), np.argsort(-appeal, axis=1)[:, :50].ravel()
    noisy = 3.3 + affinity[users, items] + rng.standard_normal(5000) * 0.4
    return make_split(by_time(users, items, np.clip(np.round(noisy * 2) / 2, 0.5, 5), rng.random(5000)), 2)


def _log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
