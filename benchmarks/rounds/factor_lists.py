"""A session's list by factors alone in a large catalogue: the scan beside scoring each item, or an index.

Factors are fitted on a log, and a larger catalogue is drawn from them: each further item has the length of a
fitted one and nearly its direction, since how fast the lengths fall decides how much the scan leaves out.
Questions are parts of the log's histories, folded in. Lists have 100 items; one core; no servers needed:

    python -m benchmarks.rounds.factor_lists [--items N] [--rank 16] [--ratings FILE] [--indexes] [--blend]

``--ratings`` takes a MovieLens file in the place of the built-in world, ``--indexes`` adds usearch, and
``--blend`` lists by a blend of the factors with full rows of random items.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from algorithms.blending.blend import Blend, Signals
from algorithms.blending.touched_items import Weighted, rank_touched
from algorithms.fold_in import fold_in, gramian
from algorithms.neighbours.product_scan import ProductScan
from algorithms.signals.factors import Factors
from algorithms.signals.history import Histories, from_events
from algorithms.signals.item_to_item import ItemToItem, ItemToItemSettings
from algorithms.signals.rows import Rows
from algorithms.signals.transitions import Transitions, TransitionSettings
from algorithms.top_n import best_of_rows, top_n
from benchmarks.context import BenchContext, Ratio
from benchmarks.studies.ranking_models import fit_als, to_strengths
from benchmarks.studies.recency import read_log
from contracts.settings import TrainingSettings
from ingest.simulated.source import SyntheticWorld, WorldSize

Floats = NDArray[np.float32]
Indexes = NDArray[np.int32]
RANK, LISTED = 16, 100
_SIZES = (100_000, 1_000_000)
_QUESTIONS, _LONGEST = 100, 20
_WORLD = WorldSize(users=1000, items=3000, ratings=150_000)
_TURN, _STRETCH = 0.5, 0.3  # how far a drawn item is from a fitted one, in direction and in length


class Question(NamedTuple):
    """A session's factors, and the items that it has had."""

    vector: Floats
    known: Indexes


class Catalogue(NamedTuple):
    """Item factors, and what is asked of them."""

    factors: Floats
    questions: list[Question]


class _Lists(NamedTuple):
    """One list of each question."""

    found: list[Indexes]
    seconds: list[float]


def run(context: BenchContext) -> list[Ratio]:
    """Two rows a catalogue: lists a second, and recall."""
    with threadpool_limits(1):
        return [row for size in _SIZES for row in compare(draw(built_in(), int(size * context.scale), RANK))]


def compare(catalogue: Catalogue) -> Iterator[Ratio]:
    """The scan beside scoring each item."""
    items, rank = catalogue.factors.shape
    started = time.perf_counter()
    scan = ProductScan(catalogue.factors)
    build = time.perf_counter() - started
    exact = exact_lists(catalogue)
    ours = make_lists(catalogue, lambda asked: scan.best(asked.vector, asked.known, LISTED)[0])
    each, exact_each = median(ours.seconds), median(exact.seconds)
    times = f"{1000 * each:.2f} ms a list, exact {1000 * exact_each:.2f} ms"
    note = f"each item scored; {times}; the copy: {scan.nbytes / 2**20:,.0f} MB, {build:.1f} s; rank {rank}"
    name = f"session by factors, {items:,} items"
    yield Ratio(name, 1 / each, 1 / exact_each, exact_each / each, "lists/s", 1.0, note)
    found = recall(ours, exact)
    yield Ratio(f"{name}: recall@{LISTED}", found, 1, found, "", 1.0, f"the {LISTED} best, each item scored")


def built_in() -> sp.csr_matrix:
    """Strengths of the built-in films, users x items."""
    users, items, values, _ = SyntheticWorld(_WORLD).history()
    ratings = sp.csr_matrix((values, (users, items)), (_WORLD.users, _WORLD.items))
    return to_strengths(ratings, TrainingSettings().rating_strengths)


def draw(strengths: sp.csr_matrix, items: int, rank: int) -> Catalogue:
    """The catalogue of a fit, enlarged to ``items``."""
    settings, rng = TrainingSettings(), np.random.default_rng(1)
    setting = {"rank": rank, "reg_param": settings.als_reg_param, "max_iter": settings.als_max_iter}
    fitted = fit_als(strengths, setting, 0, settings.als_alpha)[1].astype(np.float32)
    factors = np.vstack([fitted, _further(fitted, items - len(fitted), rng)])[:items]
    shared = gramian(factors)
    questions = []
    for user in rng.permutation(strengths.shape[0])[:_QUESTIONS]:
        row = strengths[user]
        entries = rng.permutation(len(row.indices))[: rng.integers(1, _LONGEST)]
        vector = fold_in(
            factors,
            np.array([0, len(entries)]),
            row.indices[entries],
            row.data[entries],
            reg_param=settings.als_reg_param,
            alpha=settings.als_alpha,
            gramian=shared,
        )[0]
        if vector.any():
            questions.append(Question(vector, row.indices[entries].astype(np.int32)))
    return Catalogue(factors, questions)


def _further(fitted: Floats, count: int, rng: np.random.Generator) -> Floats:
    known = fitted[fitted.any(axis=1)]
    chosen = known[rng.integers(0, len(known), max(0, count))]
    lengths = np.linalg.norm(chosen, axis=1, keepdims=True)
    # Noise with the covariance of the fit: more along the directions in which items differ.
    noise = rng.standard_normal(chosen.shape, np.float32) @ np.linalg.cholesky(np.cov(known.T)).T
    directions = chosen / lengths + _TURN * noise / np.linalg.norm(noise, axis=1, keepdims=True)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    stretched = lengths * np.exp(_STRETCH * rng.standard_normal(lengths.shape))
    return np.asarray(directions * stretched, np.float32)


def make_lists(catalogue: Catalogue, ask: Callable[[Question], Indexes]) -> _Lists:
    """The lists of all questions, one after another, after one to warm up."""
    ask(catalogue.questions[0])
    found, seconds = [], []
    for question in catalogue.questions:
        started = time.perf_counter()
        found.append(ask(question))
        seconds.append(time.perf_counter() - started)
    return _Lists(found, seconds)


def exact_lists(catalogue: Catalogue) -> _Lists:
    """Each item is scored."""

    def ask(question: Question) -> Indexes:
        indptr = np.array([0, len(question.known)], np.int64)
        found, _ = top_n(question.vector[None], catalogue.factors, indptr, question.known, LISTED)
        return found.reshape(-1)

    return make_lists(catalogue, ask)


def recall(lists: _Lists, exact: _Lists) -> float:
    """The share of the exact lists' items that these lists have."""
    pairs = zip(lists.found, exact.found, strict=True)
    return float(np.mean([len(np.intersect1d(*pair)) for pair in pairs])) / LISTED


def by_indexes(catalogue: Catalogue) -> Iterator[str]:
    """What factors of half precision find, and graphs of usearch.

    A graph goes by the product, or by the distance: one number more makes all rows equally long, and then the
    nearest have the largest products (Bachrach et al. 2014). It proposes half as many candidates again as a
    list holds, and exact products order them.
    """
    from usearch.index import Index

    exact, factors = exact_lists(catalogue), catalogue.factors
    half = Catalogue(factors.astype(np.float16).astype(np.float32), catalogue.questions)
    yield f"factors rounded to half precision: recall {recall(exact_lists(half), exact):.4f}"
    squares = np.einsum("ik,ik->i", factors, factors)
    longer = np.hstack([factors, np.sqrt(squares.max() - squares)[:, None]]).astype(np.float32)
    for metric, rows in (("ip", factors), ("l2sq", longer)):
        index: Any = Index(ndim=rows.shape[1], metric=metric, dtype="f16", connectivity=32)
        started = time.perf_counter()
        index.add(np.arange(len(rows), dtype=np.uint64), rows, threads=2)
        build = time.perf_counter() - started
        for searching in (256, 1024):
            index.expansion_search = searching

            def ask(question: Question, index: Any = index, width: int = rows.shape[1]) -> Indexes:
                asked = np.zeros(width, np.float32)
                asked[: len(question.vector)] = question.vector
                found = np.asarray(index.search(asked, LISTED * 3 // 2, threads=1).keys, np.int64)
                left = np.setdiff1d(found, question.known)
                best = np.argsort(-(factors[left] @ question.vector), kind="stable")[:LISTED]
                return left[best].astype(np.int32)

            lists = make_lists(catalogue, ask)
            yield (
                f"usearch, {metric}, {searching} candidates: recall {recall(lists, exact):.4f}, "
                f"{1000 * median(lists.seconds):.2f} ms, build {build:.0f} s, "
                f"{index.memory_usage / 2**20:,.0f} MB"
            )


def by_blend(catalogue: Catalogue) -> str:
    """Ranking what a history touches, beside scoring all items."""
    factors, rng = catalogue.factors, np.random.default_rng(2)
    items, settings = len(factors), TrainingSettings()

    def rows() -> Rows:
        columns = np.sort(rng.integers(0, items, (items, LISTED), np.int32), axis=1).reshape(-1)
        values = rng.random(items * LISTED, np.float32).astype(np.float16)
        return Rows(np.arange(items + 1, dtype=np.int64) * LISTED, columns, values)

    sums = np.ones(items, np.float32)
    signals: Signals = {
        "E": ItemToItem(rows(), ItemToItemSettings()),
        "T": Transitions(rows(), sums, sums, TransitionSettings(), LISTED),
        "A": Factors(factors, settings.als_reg_param, settings.als_alpha),
    }
    weights = {"E": 1.0, "T": 1.2, "A": 0.3}
    blend, weighted = Blend(weights, weights), [Weighted(signals[name], weights[name]) for name in weights]

    def history_of(question: Question) -> Histories:
        owners, times = np.zeros(len(question.known), np.int64), np.arange(len(question.known))
        return from_events(owners, question.known, times * 60_000, user_count=1)

    def score_all(question: Question) -> Indexes:
        scores = blend.score(signals, history_of(question))
        scores[0, question.known] = -np.inf
        return best_of_rows(scores, LISTED)[0].reshape(-1)

    def rank(question: Question) -> Indexes:
        return rank_touched(weighted, history_of(question), question.known, LISTED)[0]

    ours, exact = make_lists(catalogue, rank), make_lists(catalogue, score_all)
    return (
        f"by a blend: {1000 * median(ours.seconds):.2f} ms a list, all items scored "
        f"{1000 * median(exact.seconds):.2f} ms; recall {recall(ours, exact):.4f}"
    )


def main() -> None:
    """Print the rows; needs no servers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=_SIZES[0])
    parser.add_argument("--rank", type=int, default=RANK)
    parser.add_argument("--ratings", type=Path)
    parser.add_argument("--indexes", action="store_true")
    parser.add_argument("--blend", action="store_true")
    asked = parser.parse_args()
    with threadpool_limits(1):
        catalogue = draw(_strengths(asked.ratings) if asked.ratings else built_in(), asked.items, asked.rank)
        for row in compare(catalogue):
            print(f"{row.name}: {row.ours:.4g} {row.unit}, peer {row.peer:.4g}; {row.note}")
        for line in by_indexes(catalogue) if asked.indexes else ():
            print(line)
        if asked.blend:
            print(by_blend(catalogue))


def _strengths(path: Path) -> sp.csr_matrix:
    log = read_log(path)
    ratings = sp.csr_matrix((log.ratings, (log.users, log.items)))
    return to_strengths(ratings, TrainingSettings().rating_strengths)


if __name__ == "__main__":
    main()
