"""Does folding in help, and how fast should an old interaction be forgotten? (docs/decisions/0004-recency.md)

``python -m benchmarks.studies.recency --ratings <folder of ml-latest-small>`` walks the ratings in time order
and predicts each user's next positive item (a rating of 4 and more) from what is known before that moment,
over all items, without the user's rated ones. Item factors are fitted once, on what lies before the slice.
Half-lives are compared on the slice from 60 to 80 % of the ratings, the chosen one is measured on the next.
Where a model has nothing for a user, the popular list of the moment stands in, as in the API.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from algorithms.fold_in import UNKNOWN, fold_in, gramian
from algorithms.metrics import ndcg_at_k
from algorithms.recency import recency_weights
from benchmarks.studies.ranking_models import (
    POSITIVE,
    Array,
    K,
    Setting,
    by_time,
    fit_als,
    lists_of,
    make_split,
    to_strengths,
)
from contracts.settings import TrainingSettings

_CHUNK = 512
_RESAMPLES = 2000
_MINUTE, _HOUR, _DAY = 60_000, 3_600_000, 86_400_000
PLAIN: Setting = {"half_life_items": 0, "half_life_days": 0}


class Log(NamedTuple):
    """Ratings in time order; ``times`` in ms, users and items dense."""

    users: Array
    items: Array
    ratings: Array
    times: Array


class Slice(NamedTuple):
    """The events to predict (places in the log), the items' factors, and popularity's rank of each target."""

    log: Log
    targets: Array
    item_factors: Array  # zeros for items that the model does not know
    popular_ranks: Array


def read_log(path: Path) -> Log:
    """A MovieLens ratings.csv."""
    rows = np.loadtxt(path, delimiter=",", skiprows=1)
    rows = rows[np.argsort(rows[:, 3], kind="stable")]
    users, items = (np.unique(rows[:, column], return_inverse=True)[1] for column in (0, 1))
    return Log(users, items, rows[:, 2], (rows[:, 3] * 1000).astype(np.int64))


def make_slice(log: Log, start: float, stop: float, seed: int = 0) -> Slice:
    """The positives between two shares of the log, with a model of all ratings before them."""
    settings, (first, last) = TrainingSettings(), (int(len(log.users) * share) for share in (start, stop))
    shape = (int(log.users.max()) + 1, int(log.items.max()) + 1)
    earlier = sp.csr_matrix((log.ratings[:first], (log.users[:first], log.items[:first])), shape)
    setting = {
        "rank": settings.als_rank,
        "reg_param": settings.als_reg_param,
        "max_iter": settings.als_max_iter,
    }
    graded = to_strengths(earlier, settings.rating_strengths)
    items = fit_als(graded, setting, seed, settings.als_alpha)[1]
    targets = first + np.flatnonzero(log.ratings[first:last] >= POSITIVE)
    return Slice(log, targets, items, _popular_ranks(log, targets, shape[1]))


def _fit_items(ratings: sp.csr_matrix, settings: TrainingSettings, seed: int) -> Array:
    setting = {
        "rank": settings.als_rank,
        "reg_param": settings.als_reg_param,
        "max_iter": settings.als_max_iter,
    }
    strengths = to_strengths(ratings, settings.rating_strengths)
    return fit_als(strengths, setting, seed, settings.als_alpha)[1]


def _strengths_of_ratings(ratings: Array, settings: TrainingSettings) -> Array:
    table = sorted(settings.rating_strengths.items())
    thresholds, strengths = (np.array(column) for column in zip(*table, strict=True))
    return np.asarray(strengths[np.searchsorted(thresholds, ratings, side="right") - 1])


def _popular_ranks(log: Log, targets: Array, items: int) -> Array:
    """Each target's rank by raters x mean rating of the moment, without the user's known items."""
    score, known = np.zeros(items), np.zeros((int(log.users.max()) + 1, items), bool)
    ranks, counted = np.empty(len(targets), int), 0
    for place, target in enumerate(targets):
        now = np.searchsorted(log.times, log.times[target], side="left")  # strictly earlier ratings
        np.add.at(score, log.items[counted:now], log.ratings[counted:now])
        known[log.users[counted:now], log.items[counted:now]] = True
        counted = max(counted, int(now))
        above = np.greater(
            score, score[log.items[target]], where=~known[log.users[target]], out=np.zeros(items, bool)
        )
        ranks[place] = 1 + np.count_nonzero(above)
    return ranks


def histories(part: Slice, period_ms: int) -> Iterator[tuple[Array, Array, Array]]:
    """By chunks of targets: their places, and as CSR the places of the user's earlier ratings.

    With a period, only those from before its last full one: what a retraining every ``period_ms`` has seen.
    """
    log = part.log
    by_user = np.argsort(log.users, kind="stable")  # each user's ratings in time order
    bounds = np.searchsorted(log.users[by_user], np.arange(int(log.users.max()) + 2))
    users, times = log.users[part.targets], log.times[part.targets]
    until = times // period_ms * period_ms if period_ms else times
    lengths = np.array(
        [
            np.searchsorted(log.times[by_user[bounds[user] : bounds[user + 1]]], moment, side="left")
            for user, moment in zip(users, until, strict=True)
        ]
    )
    for start in range(0, len(part.targets), _CHUNK):
        rows = np.arange(start, min(start + _CHUNK, len(part.targets)))
        indptr = np.concatenate([[0], np.cumsum(lengths[rows])])
        firsts = bounds[users[rows]]
        places = np.arange(indptr[-1]) + np.repeat(firsts - indptr[:-1], lengths[rows])
        yield rows, indptr, by_user[places]


def gains(part: Slice, half_lives: Setting, period_ms: int = 0) -> Array:
    """NDCG@K of each target (one relevant item) by fold-in, or by lists retrained every ``period_ms``."""
    settings, log, factors = TrainingSettings(), part.log, part.item_factors
    known_to_model, ranks = np.any(factors, axis=1, keepdims=True)[:, 0], part.popular_ranks.copy()
    strengths = _strengths_of_ratings(log.ratings, settings)
    known_now = (indptr_places for _, *indptr_places in histories(part, 0))
    for (rows, indptr, places), (seen_indptr, seen) in zip(
        histories(part, period_ms), known_now, strict=True
    ):
        users = fold_in(
            factors,
            indptr,
            np.where(known_to_model[log.items[places]], log.items[places], UNKNOWN),
            strengths[places],
            reg_param=settings.als_reg_param,
            alpha=settings.als_alpha,
            gramian=gramian(factors),
            confidence_weights=recency_weights(indptr, log.times[places], **half_lives),
        )
        scores = users @ factors.T
        scores[:, ~known_to_model] = -np.inf
        wanted = scores[np.arange(len(rows)), log.items[part.targets[rows]]]
        scores[np.repeat(np.arange(len(rows)), np.diff(seen_indptr)), log.items[seen]] = -np.inf
        places_in_list = 1 + np.count_nonzero(scores > wanted[:, None], axis=1)
        places_in_list[np.isneginf(wanted)] = len(factors)
        ranks[rows] = np.where(users.any(axis=1), places_in_list, ranks[rows])
    return as_gains(ranks)


def as_gains(ranks: Array) -> Array:
    """NDCG@K where one item is relevant: 1 / log2(rank + 1) within the first K."""
    return np.where(ranks <= K, 1 / np.log2(ranks + 1.0), 0.0)


def interval(users: Array, values: Array) -> list[float]:
    """Mean over targets and its 95 % bootstrap interval, resampling users."""
    rng = np.random.default_rng(0)
    sums, counts = np.bincount(users, values), np.bincount(users)
    sums, counts = sums[counts > 0], counts[counts > 0]
    drawn = rng.integers(0, len(sums), (_RESAMPLES, len(sums)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    return [round(float(x), 4) for x in (values.mean(), *np.percentile(means, [2.5, 97.5]))]


HALF_LIVES: list[Setting] = [
    PLAIN,
    *({**PLAIN, "half_life_items": items} for items in (2, 5, 10, 20, 40, 80)),
    *({**PLAIN, "half_life_days": days} for days in (0.01, 1, 10, 100)),
    *({"half_life_items": items, "half_life_days": days} for items in (10, 20) for days in (10, 100)),
]
PERIODS = {"day": _DAY, "hour": _HOUR, "five minutes": 5 * _MINUTE}


def mean_gains(parts: list[Slice], half_lives: Setting, period_ms: int = 0) -> Array:
    """Each target's gain, as the mean over the item factors of several seeds."""
    return np.asarray(np.mean([gains(part, half_lives, period_ms) for part in parts], axis=0))


def compare(parts: list[Slice]) -> tuple[list[Setting], Setting]:
    """Every half-life with its interval and paired difference to the best, and the chosen one of them.

    Chosen is the longest half-life in interactions that the best does not beat beyond noise.
    """
    users = parts[0].log.users[parts[0].targets]
    rows = [(half_lives, mean_gains(parts, half_lives)) for half_lives in HALF_LIVES]
    best = max((row for _, row in rows), key=lambda row: float(row.mean()))
    table = [
        {**half_lives, "ndcg": interval(users, row), "minus_best": interval(users, row - best)}
        for half_lives, row in rows
    ]
    level = [row for row in table if not row["half_life_days"] and row["minus_best"][2] >= 0]
    chosen = max(level, key=lambda row: float(row["half_life_items"] or np.inf))
    return table, {key: chosen[key] for key in PLAIN}


def report(parts: list[Slice], chosen: Setting) -> list[Setting]:
    """The chosen half-life against popularity, the lists of retrainings, and fold-in without forgetting."""
    users = parts[0].log.users[parts[0].targets]
    rows = {"popularity of the moment": as_gains(parts[0].popular_ranks)}
    rows |= {f"lists retrained every {name}": mean_gains(parts, PLAIN, ms) for name, ms in PERIODS.items()}
    rows |= {"folded in": mean_gains(parts, PLAIN), "folded in, chosen": mean_gains(parts, chosen)}
    return [
        {
            "model": name,
            "ndcg": interval(users, row),
            "folded_minus_this": interval(users, rows["folded in"] - row),
            "chosen_minus_this": interval(users, rows["folded in, chosen"] - row),
        }
        for name, row in rows.items()
    ]


def long_run(log: Log, half_lives: list[float], seeds: int) -> list[Setting]:
    """NDCG@K of each user's last fifth, predicted at once, which shows what forgetting costs.

    The test of docs/decisions/0002-als-defaults.md.
    """
    settings = TrainingSettings()
    ratings = by_time(*log)
    split, before = make_split(ratings, 2), ratings.part < 2
    strengths = _strengths_of_ratings(split.train.data, settings)
    cells = (log.times[before], (log.users[before], log.items[before]))
    times = sp.csr_matrix(cells, split.train.shape).data  # in the order of split.train's cells
    rows = dict[float, list[Array]]()
    for seed in range(seeds):
        items = _fit_items(split.train, settings, seed)
        for half_life in half_lives:
            weights = recency_weights(split.train.indptr, times, half_life_items=half_life)
            users = fold_in(
                items,
                split.train.indptr,
                split.train.indices,
                strengths,
                reg_param=settings.als_reg_param,
                alpha=settings.als_alpha,
                confidence_weights=weights,
            )
            rows.setdefault(half_life, []).append(
                ndcg_at_k(lists_of(split, users, items), split.positives, K)
            )
    asked = np.flatnonzero(split.positives.counts)
    ndcg = {half_life: np.mean(row, axis=0)[asked] for half_life, row in rows.items()}
    return [
        {
            "half_life_items": half_life,
            "ndcg": interval(asked, row),
            "minus_none": interval(asked, row - ndcg[0]),
        }
        for half_life, row in ndcg.items()
    ]


def main() -> None:
    """Read the command line, print the tables, write the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ratings", type=Path, required=True, help="folder with a MovieLens ratings.csv")
    parser.add_argument("--seeds", type=int, default=3, help="fits of the item factors, averaged")
    parser.add_argument("--out", type=Path, default=Path("recency.json"))
    options = parser.parse_args()
    log = read_log(options.ratings / "ratings.csv")
    choosing, reporting = (
        [make_slice(log, start, stop, seed) for seed in range(options.seeds)]
        for start, stop in ((0.6, 0.8), (0.8, 1.0))
    )
    half_lives, chosen = compare(choosing)
    result = {"half-lives": half_lives, "chosen": [chosen], "report": report(reporting, chosen)}
    result["last fifth"] = long_run(log, [0, 5, 10, 20, 40, 80], options.seeds)
    result["sizes"] = [
        {"targets": len(part.targets), "users": len(np.unique(log.users[part.targets]))}
        for part in (choosing[0], reporting[0])
    ]
    options.out.write_text(json.dumps(result, indent=2) + "\n")
    for name, rows in result.items():
        print(f"\n{name}")
        for row in rows:
            print("  ", "  ".join(f"{key} {value}" for key, value in row.items()))


if __name__ == "__main__":
    main()
