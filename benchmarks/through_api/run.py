"""NDCG@10 of the lists that a whole stack serves through its API, beside simple rivals.

Each world is replayed into a stack of its own, which trains one round; then the API is asked for the list of
every user with something to predict, or, of a news site, for each reader's list right before each later read,
which is then sent, or, of visits, for the list of a session that ends before each click. Rivals are computed
from all that came before each question, except that of visits the last day is not learnt from. In the shop
and of clicks lists may hold known items. HEADWATER_FILMS names a folder with a MovieLens ratings.csv, which
then comes first. Intervals draw users.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from algorithms.blending.blend import Blend
from algorithms.blending.questions import Questions
from algorithms.blending.signal_options import fit_offered
from algorithms.metrics import ndcg_at_k
from benchmarks.context import BenchContext, Ratio
from benchmarks.studies.blended_ranking import by_user, fill, interval, item_knn, popular_lists, rank
from benchmarks.through_api.answers import served_lists, trained_stack
from benchmarks.through_api.session_knn import SessionKnn, tune
from benchmarks.through_api.worlds import World, worlds, worlds_of_visits
from ingest.simulated.clicks import DAY_MS

K = 10
# At scale 1: of a live world, by the time of the first ones, and of visits.
_QUESTIONS = 600
_RIVALS: Mapping[str, Mapping[str, str]] = {
    "films": {"popularity": "popularity", "recent popularity (week)": "trend/week"},
    "shop": {
        "popularity": "popularity",
        "recent popularity (week)": "trend/week",
        "own frequency": "repeats/20",
    },
    "news": {
        "popularity": "popularity",
        "recent popularity (5 minutes)": "trend/5min",
        "recent popularity (hour)": "trend/hour",
    },
    "anonymous-news": {
        "recent popularity (5 minutes)": "trend/5min",
        "recent popularity (hour)": "trend/hour",
    },
    "clicks": {"popularity": "popularity", "items of the visit": "repeats/10"},
}
Lists = NDArray[np.int32]


def run(context: BenchContext) -> list[Ratio]:
    """Compare the served lists with each rival's, by world."""
    return [row for world in worlds(context.scale) for row in _compare(world, context)]


def run_visits(context: BenchContext) -> list[Ratio]:
    """The same of the worlds in which an id is one visit."""
    return [row for world in worlds_of_visits(context.scale) for row in _compare(world, context)]


def _compare(world: World, context: BenchContext) -> Iterator[Ratio]:
    questions = world.questions(max(50, int(_QUESTIONS * context.scale)))
    with trained_stack(world, context.work_dir / world.name) as api:
        served = served_lists(world, questions, api, K)
    yield from rows(f"served NDCG@{K}, {world.name}", questions, served, rival_lists(world, questions))


def rival_lists(world: World, questions: Questions) -> dict[str, Lists]:
    """Each rival's lists, filled up with popular items as answers are."""
    past, items = world.histories(~world.is_later), int(world.items.max()) + 1
    everything = world.histories(np.ones(len(world.users), np.bool_)) if world.is_live else None
    rivals = _RIVALS.get(world.name, _RIVALS["films"])
    offered = fit_offered(past, items, everything=everything, only={*rivals.values(), "popularity"})
    popular = popular_lists(offered, questions, K)
    found = {
        shown: fill(rank(Blend({name: 1.0}, {name: 1.0}, world.with_known), offered, questions, K), popular)
        for shown, name in rivals.items()
    }
    knn = item_knn(questions.histories, past, items, world.with_known)
    found["item-kNN"] = fill(knn, popular)
    if world.is_of_visits:
        from_ms = int(world.times_ms[~world.is_later].max()) - DAY_MS
        visits = SessionKnn(past, items, tune(past, items, from_ms, K))
        found["VMIS-kNN"] = fill(visits.lists(questions.histories, K), popular)
    return found


def rows(title: str, questions: Questions, served: Lists, rivals: Mapping[str, Lists]) -> Iterator[Ratio]:
    """One row for each rival, with the paired difference and its interval."""

    def gains(lists: Lists) -> NDArray[np.float64]:
        return by_user(questions, ndcg_at_k(lists, questions.positives, K))

    ours = gains(served)
    for name, lists in rivals.items():
        theirs = gains(lists)
        figure, rival = interval(ours), interval(theirs).mean
        mean, low, high = interval(np.column_stack([ours[:, 0] - theirs[:, 0], ours[:, 1]]))
        note = (
            f"{name}; served [{figure.low:.4f}, {figure.high:.4f}], difference {mean:+.4f} "
            f"[{low:+.4f}, {high:+.4f}], {len(questions)} questions"
        )
        ratio = figure.mean / rival if rival else float("inf")
        yield Ratio(title, figure.mean, rival, ratio, "NDCG", None, note)
