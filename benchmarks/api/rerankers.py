"""How much accuracy each re-ranker costs, and how much coverage and diversity it gains.

    python -m benchmarks.api.rerankers [--ratings DIR]

DIR holds MovieLens' ratings.csv and movies.csv; without it, the built-in world. Each user's newest fifth of
ratings is held out (4 and more are positives); the first 200 items of ALS go through the re-rankers as the
API runs them (serving/rerankers). An item counts as published when it was first rated; ``rotation`` is asked
a day after the plain list was shown and not touched.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from algorithms.bootstrap import Figure, paired_difference
from algorithms.list_metrics import Catalogue, coverage, intra_list_diversity
from algorithms.metrics import Lists, Positives, ndcg_at_k
from algorithms.top_n import top_n
from benchmarks.context import BenchContext, Ratio
from benchmarks.studies.ranking_models import K, Ratings, Split, by_time, fit_implicit, make_split
from contracts.settings import TrainingSettings
from ingest.simulated.source import SyntheticWorld, WorldSize
from serving.answer.recommender import POOL
from serving.answer.rerankers import RERANKERS
from serving.question.candidate import Candidate, User
from serving.question.item_facts import ItemFacts
from serving.question.list_options import ListOptions
from serving.question.question import Question

_DAY_MS = 86_400_000
# To measure another one, name its options here.
OPTIONS: tuple[tuple[str, Mapping[str, Any]], ...] = (
    ("diversity=0.3 (MMR)", {"diversity": 0.3}),
    ("diversity=0.7 (MMR)", {"diversity": 0.7}),
    ("per_category=3", {"per_category": 3}),
    ("per_category=1", {"per_category": 1}),
    ("freshness=1", {"freshness": 1.0}),
    ("rotation=0.05", {"rotation": 0.05}),
    ("rotation=0.1", {"rotation": 0.1}),
    ("rotation=0.5", {"rotation": 0.5}),
)


class World(NamedTuple):
    """Ratings by dense index, and each item's metadata."""

    ratings: Ratings
    times: NDArray[np.int64]  # epoch ms of each rating
    genres: Sequence[tuple[str, ...]]


class Row(NamedTuple):
    """The figures of lists with one re-ranker."""

    name: str
    ndcg: float
    difference: Figure  # from the plain lists, over the same users
    coverage: float
    diversity: float
    new: float  # the share of a list that is not in the plain list


def run(context: BenchContext) -> list[Ratio]:
    """NDCG@10 and diversity of each beside the plain lists."""
    plain, *others = measure(synthetic(context.scale))
    found = []
    for row in others:
        spread = f"coverage {row.coverage:.2f} (plain {plain.coverage:.2f}), {row.new:.0%} other items"
        note = f"the plain list; {spread}"
        for what, ours, peer in (
            ("NDCG@10", row.ndcg, plain.ndcg),
            ("diversity", row.diversity, plain.diversity),
        ):
            found.append(
                Ratio(
                    name=f"re-ranked lists, {row.name}: {what}",
                    ours=ours,
                    peer=peer,
                    ratio=ours / peer,
                    unit="",
                    target=None,
                    note=note,
                )
            )
    return found


def synthetic(scale: float) -> World:
    """The built-in world, of 1,000 users at scale 1."""
    side = scale**0.5
    size = WorldSize(max(100, int(1000 * side)), max(300, int(1500 * side)), max(7500, int(100_000 * scale)))
    world = SyntheticWorld(size)
    users, items, values, times = world.history()
    genres = [tuple(str(place) for place in np.flatnonzero(flags)) for flags in world.genre_mix]
    return World(by_time(users, items, values, times), np.asarray(times, np.int64), genres)


def movielens(folder: Path) -> World:
    """The world of ratings.csv and movies.csv. Raises OSError where a file is missing."""
    with (folder / "ratings.csv").open(newline="", encoding="utf-8") as file:
        rows = np.array([[float(field) for field in row] for row in list(csv.reader(file))[1:]])
    with (folder / "movies.csv").open(newline="", encoding="utf-8") as file:
        genres_of = {int(row[0]): tuple(row[2].split("|")) for row in list(csv.reader(file))[1:]}
    users = np.unique(rows[:, 0], return_inverse=True)[1]
    ids, items = np.unique(rows[:, 1], return_inverse=True)
    ratings = by_time(users, items, rows[:, 2], rows[:, 3])
    return World(
        ratings, (rows[:, 3] * 1000).astype(np.int64), [genres_of.get(int(each), ()) for each in ids]
    )


def measure(world: World) -> list[Row]:
    """The plain lists, then those of each re-ranker."""
    split = make_split(world.ratings, 2)
    factors, pools = _model(split)
    facts, now = _facts(world), _last_times(world)
    plain = pools[:, :K]
    seen = split.train.getnnz(axis=0).astype(np.int64)
    catalogue = Catalogue(seen, plain, _genre_vectors(world.genres))
    found = [_row("plain", plain, plain, split.positives, catalogue)]
    for name, wanted in OPTIONS:
        options = ListOptions(K, **wanted)
        lists = [
            _rerank(pool, facts, factors, options, moment) for pool, moment in zip(pools, now, strict=True)
        ]
        found.append(_row(name, np.array(lists, np.int32), plain, split.positives, catalogue))
    return found


def _model(split: Split) -> tuple[NDArray[np.float32], Lists]:
    """Item factors by the trainer's defaults, and each user's first POOL items without the known ones."""
    settings = TrainingSettings()
    setting = {
        "rank": settings.als_rank,
        "max_iter": settings.als_max_iter,
        "reg_param": settings.als_reg_param,
        "alpha": settings.als_alpha,
        "strengths": settings.rating_strengths,
    }
    users, items = (side.astype(np.float32) for side in fit_implicit(split, setting, settings.seed))
    train, present = split.train, split.train.getnnz(axis=0) > 0
    indptr = train.indptr.astype(np.int64)
    return items, top_n(users, items, indptr, train.indices, POOL, item_mask=present)[0]


def _rerank(
    pool: NDArray[np.int32],
    facts: Mapping[str, ItemFacts],
    factors: NDArray[np.float32],
    options: ListOptions,
    now_ms: int,
) -> NDArray[np.int32]:
    """The first K of a pool after the re-rankers, as ``serving.answer.recommender`` runs them."""
    ids = [str(item) for item in pool if item >= 0]
    shown = [(item, float(now_ms)) for item in ids[:K]]
    question = Question(
        User("", shown=shown),
        options,
        facts.__getitem__,
        vectors=lambda items: factors[[int(item) for item in items]].astype(np.float64),
        now_ms=now_ms + _DAY_MS,
    )
    candidates: Sequence[Candidate] = [Candidate(item, 0.0, "als") for item in ids]
    for rerank in RERANKERS:
        candidates = rerank(question, candidates)
    items = [int(candidate.item_id) for candidate in candidates[:K]]
    return np.array(items + [-1] * (K - len(items)), np.int32)


def _row(name: str, lists: Lists, plain: Lists, positives: Positives, catalogue: Catalogue) -> Row:
    ndcg = ndcg_at_k(lists, positives, K)
    counts = np.bincount(lists[lists >= 0], minlength=len(catalogue.users)).astype(float)
    diversity = intra_list_diversity(lists, positives, catalogue, K)
    same = (lists[:, :, None] == plain[:, None, :]).any(axis=2).mean()
    return Row(
        name=name,
        ndcg=float(np.nanmean(ndcg)),
        difference=paired_difference(ndcg, ndcg_at_k(plain, positives, K)),
        coverage=coverage(counts, catalogue),
        diversity=float(np.nanmean(diversity)),
        new=float(1 - same),
    )


def _facts(world: World) -> dict[str, ItemFacts]:
    first = np.full(len(world.genres), np.iinfo(np.int64).max)
    np.minimum.at(first, world.ratings.items, world.times)
    return {
        str(item): ItemFacts(categories=genres, published_at=int(first[item]))
        for item, genres in enumerate(world.genres)
    }


def _last_times(world: World) -> list[int]:
    """The time of each user's last event before the held-out ones."""
    known = world.ratings.part < 2
    newest = np.zeros(int(world.ratings.users.max()) + 1, np.int64)
    np.maximum.at(newest, world.ratings.users[known], world.times[known])
    return [int(moment) for moment in newest]


def _genre_vectors(genres: Sequence[tuple[str, ...]]) -> NDArray[np.float32]:
    names = {name: at for at, name in enumerate(sorted({name for each in genres for name in each}))}
    vectors = np.zeros((len(genres), max(1, len(names))), np.float32)
    for item, each in enumerate(genres):
        vectors[item, [names[name] for name in each]] = 1.0
    return vectors


def as_markdown(rows: Sequence[Row]) -> str:
    """The table as Markdown, for the documents."""
    names = ("NDCG@10", "difference to plain [95 %]", "coverage@10", "diversity@10", "other items than plain")
    lines = [f"| lists | {' | '.join(names)} |"]
    lines.append("|---|---:|---:|---:|---:|---:|")
    for row in rows:
        d = row.difference
        lines.append(
            f"| {row.name} | {row.ndcg:.4f} | {d.mean:+.4f} [{d.low:+.4f}, {d.high:+.4f}] "
            f"| {row.coverage:.3f} | {row.diversity:.3f} | {row.new:.0%} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.api.rerankers", description=__doc__)
    parser.add_argument("--ratings", type=Path, metavar="DIR", help="MovieLens' ratings.csv and movies.csv")
    arguments = parser.parse_args()
    print(as_markdown(measure(movielens(arguments.ratings) if arguments.ratings else synthetic(1.0))))


if __name__ == "__main__":
    main()
