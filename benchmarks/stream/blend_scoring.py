"""Scoring a user by the blend and listing 100 of 10,000 items, beside today's fold-in and top-N, on one core.

Every user has 100 recent items; rows have 100 entries in half precision. Both take histories as arrays. The
goal is half a millisecond for one user a call: 2,000 users a second.

    python -m benchmarks.stream.blend_scoring
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
from threadpoolctl import threadpool_limits

from algorithms.blending.blend import Blend, Signals
from algorithms.fold_in import fold_in, gramian
from algorithms.recency import recency_weights
from algorithms.signals.factors import Factors
from algorithms.signals.history import Histories, from_events
from algorithms.signals.item_to_item import ItemToItem, ItemToItemSettings
from algorithms.signals.rows import Rows
from algorithms.signals.transitions import Transitions, TransitionSettings
from algorithms.top_n import top_n
from benchmarks.context import BenchContext, Ratio, alternating, median_ratio
from benchmarks.studies.ranking_models import Array

ITEMS, HISTORY, LISTED, ENTRIES, RANK = 10_000, 100, 100, 100, 16
_USERS, _ROUNDS, _GOAL_MS = 400, 5, 0.5
_REG_PARAM, _ALPHA, _HALF_LIFE = 0.01, 0.5, 20.0
Lists = Callable[[Histories], Array]
BLENDS: tuple[tuple[str, dict[str, float]], ...] = (
    ("E + T", {"E": 1.0, "T": 0.7}),
    ("E + T + factors", {"E": 1.0, "T": 0.7, "A": 0.2}),
)


def run(context: BenchContext) -> list[Ratio]:
    """Measure users a second: one user in each call, and in blocks."""
    histories, signals = random_histories(max(20, int(_USERS * context.scale))), random_signals()
    with threadpool_limits(1):
        rows = [_ratio(f"blend {name}, one user a call", histories, signals, w, 1) for name, w in BLENDS]
        return [*rows, _ratio("blend E + T + factors, blocks", histories, signals, BLENDS[1][1], 64)]


def random_histories(users: int) -> Histories:
    """Users with HISTORY items each, drawn by popularity."""
    rng = np.random.default_rng(0)
    popularity = 1 / np.arange(1, ITEMS + 1) ** 0.7
    popularity /= popularity.sum()
    items = np.concatenate([rng.choice(ITEMS, HISTORY, replace=False, p=popularity) for _ in range(users)])
    owners, times = np.repeat(np.arange(users), HISTORY), np.tile(np.arange(HISTORY) * 60_000, users)
    return from_events(owners, items, times, user_count=users)


def random_signals() -> Signals:
    """Full rows with random values, which do not change the time."""
    rng = np.random.default_rng(1)

    def rows() -> Rows:
        columns = np.sort(rng.integers(0, ITEMS, (ITEMS, ENTRIES)), axis=1).ravel().astype(np.int32)
        values = rng.random(ITEMS * ENTRIES).astype(np.float32)
        return Rows(np.arange(ITEMS + 1, dtype=np.int64) * ENTRIES, columns, values).half()

    sums = np.ones(ITEMS, np.float32)
    factors = (rng.standard_normal((ITEMS, RANK)) / np.sqrt(RANK)).astype(np.float32)
    return {
        "E": ItemToItem(rows(), ItemToItemSettings()),
        "T": Transitions(rows(), sums, sums, TransitionSettings(), ENTRIES),
        "A": Factors(factors, _REG_PARAM, _ALPHA, half_life=_HALF_LIFE, given_gramian=gramian(factors)),
    }


def _blend_lists(signals: Signals, weights: dict[str, float], histories: Histories) -> Array:
    return Blend(weights, weights).rank(signals, histories, LISTED)[0]


def _folded_in(signals: Signals, histories: Histories) -> Array:
    """Fold in and rank by factors alone."""
    factors = signals["A"]
    assert isinstance(factors, Factors)
    users = fold_in(
        factors.item_factors,
        histories.indptr,
        histories.items,
        histories.strengths,
        reg_param=_REG_PARAM,
        alpha=_ALPHA,
        gramian=factors.gramian,
        confidence_weights=recency_weights(histories.indptr, histories.times_ms, half_life_items=_HALF_LIFE),
    )
    return top_n(users, factors.item_factors, histories.indptr, histories.items, LISTED)[0]


def _ratio(name: str, histories: Histories, signals: Signals, weights: dict[str, float], block: int) -> Ratio:
    lists: list[Lists] = [partial(_blend_lists, signals, weights), partial(_folded_in, signals)]
    ours, peer = alternating([partial(_rate, each, histories, block) for each in lists], _ROUNDS)
    per_user = 1000 / median(ours)
    note = f"{per_user:.2f} ms a user (goal {_GOAL_MS}); peer: today's fold-in and top-N, one core"
    return Ratio(name, median(ours), median(peer), median_ratio(ours, peer), "users/s", None, note)


def _rate(lists: Lists, histories: Histories, block: int) -> float:
    users = len(histories)
    blocks = [histories.rows(start, min(users, start + block)) for start in range(0, users, block)]
    started = time.perf_counter()
    for each in blocks:
        lists(each)
    return users / (time.perf_counter() - started)


def main() -> None:
    """Print the rows; needs no servers."""
    for row in run(BenchContext("", "", Path(), 1.0)):
        print(f"{row.name}: {row.ours:.0f} {row.unit}, peer {row.peer:.0f}; {row.note}")


if __name__ == "__main__":
    main()
