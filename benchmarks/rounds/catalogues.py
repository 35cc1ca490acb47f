"""Item-to-item models of large catalogues: rows for the most seen items only, beside the exact model of all.

Above 20,000 items (`algorithms.signals.item_to_item.MAX_ITEMS`) the most seen ones get rows, and transitions
know all items. A row says what that costs in NDCG@10 of each user's newest fifth, for the blend of both (1
item_to_item/15 + 1.2 transitions_recent/3), and what it saves in seconds and memory of the fit. The scale
multiplies catalogues, users and the bound, so that a small run has the same proportions. With fewer users
than items the exact model comes from a system of the users' size. Of the largest catalogue it is only fitted
if asked for: it would take about as long as all else together. One catalogue alone, without servers:

    python -m benchmarks.rounds.catalogues --items 100000 --exact
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from algorithms.blending.blend import Blend
from algorithms.blending.questions import Questions
from algorithms.blending.signal_options import fit_offered
from algorithms.blending.weights import Candidate
from algorithms.metrics import ndcg_at_k
from algorithms.signals.history import Histories
from algorithms.signals.item_to_item import MAX_ITEMS
from benchmarks.context import BenchContext, Ratio
from benchmarks.studies.blended_ranking import by_user, fill, interval, popular_lists, rank
from benchmarks.studies.tuned_peers import newest
from benchmarks.through_api.worlds import World
from contracts.events import RATING
from ingest.simulated.source import SyntheticWorld, WorldSize

K = 10
_SIZES, _MOST_EXACT = (10_000, 20_000, 50_000, 100_000), 50_000
_USERS, _RATINGS = 5000, 150  # users at scale 1, and ratings of each in the mean
_ITEM_TO_ITEM, _TRANSITIONS = "item_to_item/15", "transitions_recent/3"
_WEIGHTS = {_ITEM_TO_ITEM: 1.0, _TRANSITIONS: 1.2}


class _Fit(NamedTuple):
    signal: Candidate
    seconds: float  # of processor time, in one process
    megabytes: float  # at the peak


def run(context: BenchContext) -> list[Ratio]:
    """One row a catalogue: what is used beside the exact model, or beside transitions alone."""
    return [row for size in _SIZES for row in compare(size, context.scale, size <= _MOST_EXACT)]


def compare(size: int, scale: float, is_exact: bool) -> Iterator[Ratio]:
    """The row of one catalogue of size x scale items."""
    items, bound = int(size * scale), int(MAX_ITEMS * scale)
    world = _world(int(_USERS * scale), items)
    past, questions = world.histories(~world.is_later), world.questions(0)
    others = fit_offered(past, items, only={_TRANSITIONS, "popularity"})
    used = _fit(past, items, bound)
    ours = _gains(_WEIGHTS, [*others, used.signal], questions)
    note = f"rows of {bound:,} items at the most: {used.seconds:.1f} s, {used.megabytes:,.0f} MB"
    if is_exact:
        exact = _fit(past, items, items) if items > bound else used
        theirs = _gains(_WEIGHTS, [*others, exact.signal], questions)
        note += f"; exact: {exact.seconds:.1f} s, {exact.megabytes:,.0f} MB"
    else:
        theirs = _gains({_TRANSITIONS: 1.0}, others, questions)
        note += "; beside transitions alone"
    figure, rival = interval(ours).mean, interval(theirs).mean
    mean, low, high = interval(np.column_stack([ours[:, 0] - theirs[:, 0], ours[:, 1]]))
    note += f"; difference {mean:+.4f} [{low:+.4f}, {high:+.4f}]"
    ratio = figure / rival if rival else float("inf")
    yield Ratio(f"NDCG@{K}, {items:,} items", figure, rival, ratio, "NDCG", None, note)


def _world(users: int, items: int) -> World:
    size = WorldSize(users=users, items=items, ratings=users * _RATINGS)
    who, what, ratings, times = SyntheticWorld(size).history()
    return World("films", RATING, who, what, ratings, times, newest(who, what, times))


def _fit(past: Histories, items: int, bound: int) -> _Fit:
    tracemalloc.start()
    started = time.process_time()
    (signal,) = fit_offered(past, items, only={_ITEM_TO_ITEM}, max_items=bound)
    seconds = time.process_time() - started
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return _Fit(signal, seconds, peak / 2**20)


def _gains(weights: dict[str, float], offered: list[Candidate], questions: Questions) -> np.ndarray:
    lists = rank(Blend(weights, weights), offered, questions, K)
    filled = fill(lists, popular_lists(offered, questions, K))
    return by_user(questions, ndcg_at_k(filled, questions.positives, K))


def main() -> None:
    """Print the row of one catalogue; needs no servers."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--items", type=int, default=_SIZES[0], help="at scale 1")
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--exact", action="store_true", help="fit the exact model, however large")
    options = parser.parse_args()
    for row in compare(options.items, options.scale, options.exact or options.items <= _MOST_EXACT):
        print(f"{row.name}: {row.ours:.4f}, peer {row.peer:.4f}; {row.note}")


if __name__ == "__main__":
    main()
