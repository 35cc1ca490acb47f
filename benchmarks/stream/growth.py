"""How cost grows: ten times the events take at most 11 times as long, ten times the items at most 12 times.

Each row's peer is the same code on a tenth; the ratio of the rates is the share that ten times as much keeps.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import numpy as np
import scipy.sparse as sp
from threadpoolctl import threadpool_limits

from algorithms.top_n import top_n
from benchmarks.context import BenchContext, Ratio, alternating, median_ratio
from benchmarks.stream.fold_in import million_ratings, our_solver

_ROUNDS = 5
_SECONDS = 0.5
_RANK = 16
_EVENTS_GOAL, _ITEMS_GOAL = 10 / 11, 10 / 12
_USERS, _ITEMS, _KNOWN, _N = 512, 4000, 165, 100


def run(context: BenchContext) -> list[Ratio]:
    """Events a second of fold-in by more users and by longer histories; scores a second of top-N."""
    full = million_ratings(context.scale)
    fewer_users, shorter = full[: max(1, full.shape[0] // 10)], _tenth(full)
    with threadpool_limits(1):
        return [
            _ratio(
                "fold-in, 10x users",
                [_fold_in_rate(full), _fold_in_rate(fewer_users)],
                "events/s",
                _EVENTS_GOAL,
            ),
            _ratio(
                "fold-in, 10x longer histories",
                [_fold_in_rate(full), _fold_in_rate(shorter)],
                "events/s",
                _EVENTS_GOAL,
            ),
            _ratio(
                "top-N, 10x items", [_top_n_rate(10 * _ITEMS), _top_n_rate(_ITEMS)], "scores/s", _ITEMS_GOAL
            ),
        ]


def _tenth(histories: sp.csr_matrix) -> sp.csr_matrix:
    """Every user with every tenth interaction."""
    cells = histories.tocoo()
    kept = slice(None, None, 10)
    return sp.csr_matrix((cells.data[kept], (cells.row[kept], cells.col[kept])), histories.shape)


def _fold_in_rate(histories: sp.csr_matrix) -> Callable[[], float]:
    solve = our_solver(_RANK)
    return lambda: _rate(lambda: solve(histories), histories.nnz)


def _top_n_rate(items: int) -> Callable[[], float]:
    """Top-N of some users over so many items."""
    rng = np.random.default_rng(0)
    users, others = (rng.standard_normal((rows, _RANK)).astype(np.float32) for rows in (_USERS, items))
    known = np.concatenate([rng.choice(items, _KNOWN, replace=False) for _ in range(_USERS)]).astype(np.int32)
    indptr = np.arange(_USERS + 1, dtype=np.int64) * _KNOWN
    return lambda: _rate(lambda: top_n(users, others, indptr, known, _N), _USERS * items)


def _rate(work: Callable[[], object], amount: int) -> float:
    """The amount a second; the work is repeated, so that a small amount is timed exactly, too."""
    runs, started = 0, time.perf_counter()
    while runs == 0 or time.perf_counter() - started < _SECONDS:
        work()
        runs += 1
    return runs * amount / (time.perf_counter() - started)


def _ratio(name: str, measures: list[Callable[[], float]], unit: str, target: float) -> Ratio:
    tenfold, single = alternating(measures, _ROUNDS)
    note = "the same on a tenth"
    return Ratio(name, median(tenfold), median(single), median_ratio(tenfold, single), unit, target, note)
