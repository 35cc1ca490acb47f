"""Items and users without a past: what content does for both (docs/decisions/0043-content.md).

    python -m benchmarks.studies.content [--ratings DIR] [--draws 4]

A tenth of all items is held out wholly, with everything that anybody did with them; of the other ratings the
newest fifth of each user. Lists are made by the blend as served (`algorithms.blending.live`). Items: how much
of the held-out items that a user likes is among ten, and what their places cost the others. Users: a third of
all users is new and has liked held-out items alone; the lists are to find what else they like. Without
--ratings, the built-in world. Intervals are over users, means of the draws first.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from algorithms.blending.blend import Blend
from algorithms.blending.live import Sums, live_blend
from algorithms.blending.serialization import ServedBlend
from algorithms.bootstrap import Figure, mean_figures
from algorithms.content.placement import Placement, fit_placement
from algorithms.content.stretch import fitting_stretch
from algorithms.signals.factors import Factors
from algorithms.signals.history import Histories
from algorithms.top_n import best_of_rows
from benchmarks.studies.blended_ranking import Log, fit_factors, offered_of, read_log
from benchmarks.studies.ranking_models import POSITIVE, Array, K
from benchmarks.studies.tuned_peers import newest
from contracts.catalog import content_of
from ingest.files.rejected_lines import RejectedLines
from ingest.simulated.source import SyntheticWorld, WorldSize
from ingest.sources.movielens import describe_movie
from serving.answer.strategies.content import most_liked
from serving.answer.strategies.fusion import fuse
from training.in_memory.placed_scores import scores_by_blend

_WEIGHTS = {"item_to_item/15": 1.0, "transitions_recent/3": 1.2, "factors": 0.3}
_WORLD = WorldSize(users=1000, items=500, ratings=60_000)
_LIKED = 20  # held-out items of a new user that count, the newest
Entries = Sequence[Mapping[str, Any]]  # of the catalogue, by the number of the item


def built_in() -> tuple[Log, Entries]:
    """The simulated films."""
    world = SyntheticWorld(_WORLD)
    users, items, ratings, times = world.history()
    ids = [world.item_id(item) for item in range(_WORLD.items)]
    log = Log(users, items, ratings, times, [world.user_id(user) for user in range(_WORLD.users)], ids)
    entries = {each.id: each for each in world.catalog(RejectedLines(print)) if each.kind == "item"}
    return log, [entries[item].model_dump() for item in ids]


def movielens(folder: Path) -> tuple[Log, Entries]:
    """A folder with ratings.csv and movies.csv."""
    log = read_log(folder / "ratings.csv")
    with (folder / "movies.csv").open(encoding="utf-8") as file:
        rows = {row["movieId"]: list(row.values()) for row in csv.DictReader(file)}
    described = [describe_movie(rows[item]) for item in log.item_ids]
    return log, [
        {"title": each.title, "categories": each.categories, "attributes": dict(each.attributes)}
        for each in described
    ]


def draw(count: int, share: float, seed: int) -> Array:
    """(count): True for a random share."""
    chosen = np.zeros(count, np.bool_)
    chosen[np.random.default_rng(seed).choice(count, round(share * count), replace=False)] = True
    return chosen


def ndcg_and_recall(lists: Array, wanted: Array) -> tuple[Array, Array]:
    """(users): NDCG@K and recall@K by (users, items) of what is wanted; NaN where nothing is."""
    hits = np.take_along_axis(wanted, np.maximum(lists, 0), axis=1) & (lists >= 0)
    gains = 1 / np.log2(np.arange(K) + 2)
    best = np.minimum(wanted.sum(axis=1), K)
    ideal = np.concatenate([[np.nan], np.cumsum(gains)])[best]
    return hits @ gains / ideal, hits.sum(axis=1) / np.where(best, best, np.nan)


def cells(log: Log, rows: Array) -> Array:
    """(users, items): True where one of the rows is."""
    found = np.zeros((len(log.user_ids), len(log.item_ids)), np.bool_)
    found[log.users[rows], log.items[rows]] = True
    return found


def learn(factors: Factors, entries: Entries, held_out: Array) -> tuple[Placement, Array]:
    """What places items, learnt from those that are not held out; and where it places all items."""
    of_model = [content_of(entries[item]) for item in np.flatnonzero(~held_out).tolist()]
    placement = fit_placement(of_model, factors.item_factors[~held_out])
    assert placement is not None, "the entries say something"
    return placement, placement.place([content_of(entry) for entry in entries])


def stretch(served: ServedBlend, histories: Histories, held_out: Array, placed: Array) -> float:
    """As a round finds it, from a sample of users."""
    drawn = np.sort(np.random.default_rng(42).choice(len(histories), min(300, len(histories)), replace=False))
    of_model = np.where(held_out[:, None], 0.0, placed).astype(np.float32)
    return fitting_stretch(scores_by_blend(served, histories.select(drawn), of_model))


def new_items(log: Log, entries: Entries, seed: int) -> dict[str, Array]:
    """Figures by user for one draw of held-out items."""
    held_out = draw(len(log.item_ids), 0.1, seed)
    is_test, is_held_out = newest(log.users, log.items, log.times), held_out[log.items]
    past, likes = ~is_test & ~is_held_out, log.ratings >= POSITIVE
    offered = offered_of(log, np.flatnonzero(past), None, set(_WEIGHTS))
    signals = {each.name: each.signal for each in offered}
    factors = signals["factors"]
    assert isinstance(factors, Factors)
    size, histories = len(held_out), log.histories(np.flatnonzero(past))
    served = ServedBlend(Blend(_WEIGHTS, _WEIGHTS), signals, factors)
    placed = learn(factors, entries, held_out)[1]
    factor = stretch(served, histories, held_out, placed)
    placed = (factor * placed[held_out]).astype(np.float32)
    live = live_blend(served, Sums({}), size, placed, np.ones(len(placed), np.bool_))
    scores = live.blend.score(live.signals, histories)
    of_new = scores[:, size:]
    scores = scores[:, :size]
    scores[cells(log, np.flatnonzero(past))] = -np.inf
    scores[:, held_out] = -np.inf
    without = scores.copy()
    scores[:, held_out] = of_new
    alone = np.full_like(scores, -np.inf)
    alone[:, held_out] = of_new - of_new.min() + 1  # the order alone counts, also below zero
    lists, lists_without, among = (best_of_rows(each, K)[0] for each in (scores, without, alone))
    of_held_out = cells(log, np.flatnonzero(likes & is_held_out))
    of_others = cells(log, np.flatnonzero(likes & is_test & ~is_held_out))
    of_all = cells(log, np.flatnonzero(likes & is_test))
    before = ndcg_and_recall(lists_without, of_others)[0]
    return {
        "NDCG@10 of all that is liked later": ndcg_and_recall(lists, of_all)[0],
        "minus that without": ndcg_and_recall(lists, of_all)[0] - ndcg_and_recall(lists_without, of_all)[0],
        "recall@10 of held-out items": ndcg_and_recall(lists, of_held_out)[1],
        "the same without content": ndcg_and_recall(lists_without, of_held_out)[1],
        "recall@10 among held-out items alone": ndcg_and_recall(among, of_held_out)[1],
        "NDCG@10 of other items": ndcg_and_recall(lists, of_others)[0],
        "minus that without content": ndcg_and_recall(lists, of_others)[0] - before,
        "stretch": np.full(len(lists), factor),
        "held-out items among ten": held_out[np.maximum(lists, 0)].sum(axis=1).astype(np.float64),
    }


def new_users(log: Log, entries: Entries, seed: int) -> dict[str, Array]:
    """Recall@10 by user for one draw of held-out items and new users; NaN for the others."""
    held_out, is_new = draw(len(log.item_ids), 0.1, seed), draw(len(log.user_ids), 1 / 3, seed)
    is_held_out, likes = held_out[log.items], log.ratings >= POSITIVE
    past = np.flatnonzero(~is_held_out & ~is_new[log.users])
    factors = fit_factors(log.histories(past), len(held_out))
    numbered = np.cumsum(held_out) - 1 + len(held_out)  # the places of held-out items after the model's
    asked = np.flatnonzero(is_held_out & likes & is_new[log.users])
    histories = log._replace(items=np.where(is_held_out, numbered[log.items], log.items)).histories(asked)
    placed = learn(factors, entries, held_out)[1][held_out]
    scores = factors.with_new(placed).score(histories)[:, : len(held_out)]
    popularity = np.bincount(log.items[past], log.ratings[past], len(held_out))
    popular = np.where(held_out, 0.0, popularity)
    wanted = cells(log, np.flatnonzero(likes & ~is_held_out))
    lists = {
        "popularity": np.tile(np.argsort(-popular, kind="stable")[:K], (len(is_new), 1)),
        "popular in liked categories": by_categories(histories, entries, popular, np.flatnonzero(held_out)),
        "whole content": best_of_rows(np.where(held_out, -np.inf, scores), K)[0],
    }
    left_out = ~is_new | (histories.lengths == 0)
    recall = {name: np.where(left_out, np.nan, ndcg_and_recall(of, wanted)[1]) for name, of in lists.items()}
    rivals = list(recall.items())[:-1]
    return recall | {f"whole content minus {name}": recall["whole content"] - of for name, of in rivals}


def by_categories(histories: Histories, entries: Entries, popular: Array, held_out: Array) -> Array:
    """(users, K): the strategy `content` of the API."""
    of_category, size = defaultdict[str, list[str]](list), len(popular)
    for item in np.argsort(-popular, kind="stable").tolist():
        for category in entries[item]["categories"] if popular[item] else ():
            of_category[category].append(str(item))
    lists = np.full((len(histories), K), -1)
    for user in range(len(histories)):
        own = slice(histories.indptr[user], histories.indptr[user] + _LIKED)
        items = held_out[histories.items[own] - size].tolist()
        liked = ((entries[item]["categories"], 1.0) for item in items)
        best = fuse([(weight, of_category[name]) for name, weight in most_liked(liked)])[:K]
        lists[user, : len(best)] = [int(item) for item, _ in best]
    return lists


def print_means(title: str, draws: Sequence[Mapping[str, Array]]) -> None:
    """The figures, means of the draws first."""
    print(title)
    for name in draws[0]:
        of_draws = np.stack([each[name] for each in draws])
        asked = ~np.isnan(of_draws).all(axis=0)
        figure: Figure = mean_figures(np.nanmean(of_draws[:, asked], axis=0)[:, None])[0]
        print(f"  {name:42s} {figure.mean:+.4f} [{figure.low:+.4f}, {figure.high:+.4f}]")


def main() -> None:
    """Read the command line, print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ratings", type=Path, help="a MovieLens folder; the built-in world without it")
    parser.add_argument("--draws", type=int, default=4)
    options = parser.parse_args()
    log, entries = movielens(options.ratings) if options.ratings else built_in()
    print_means("New items", [new_items(log, entries, seed) for seed in range(options.draws)])
    print_means("New users", [new_users(log, entries, seed) for seed in range(options.draws)])


if __name__ == "__main__":
    main()
