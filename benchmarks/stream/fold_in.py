"""Fold-in against ``recalculate_user`` of implicit, on one core and the histories of a million-rating world.

Both take the same CSR histories and one set of factors, and solve every user exactly; ours in float64 with
Spark's regularisation by n, implicit in float32 with a constant one. The Gramian is at hand for both.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from statistics import median

import numpy as np
import scipy.sparse as sp
from implicit.cpu.als import AlternatingLeastSquares
from threadpoolctl import threadpool_limits

from algorithms.fold_in import fold_in, gramian
from benchmarks.context import BenchContext, Ratio, alternating, median_ratio
from benchmarks.studies.ranking_models import Array
from ingest.simulated.source import SyntheticWorld, WorldSize

USERS, ITEMS, RATINGS = 6040, 3706, 1_000_209
_ROUNDS = 5
_GOAL = 0.8
_SINGLES = 500  # users asked for one by one
_REG_PARAM = 0.05
Solver = Callable[[sp.csr_matrix], Array]


def run(context: BenchContext) -> list[Ratio]:
    """Measure users a second: all in one call at two ranks, and one user in each call."""
    histories = million_ratings(context.scale)
    singles = [histories[user] for user in range(min(_SINGLES, histories.shape[0]))]
    with threadpool_limits(1):
        return [
            _ratio("fold-in, rank 64", [histories], 64, _GOAL),
            _ratio("fold-in, rank 16", [histories], 16, None),
            _ratio("fold-in, rank 64, one user a call", singles, 64, None),
        ]


def million_ratings(scale: float = 1.0) -> sp.csr_matrix:
    """Ratings of the built-in world as users x items; ``scale`` takes fewer users of the same histories."""
    size = WorldSize(users=max(1, int(USERS * scale)), items=ITEMS, ratings=int(RATINGS * scale))
    users, items, ratings, _ = SyntheticWorld(size).history()
    return sp.csr_matrix((ratings.astype(np.float32), (users, items)), (size.users, size.items))


def item_factors(rank: int) -> Array:
    """Random factors of the usual length; their values do not change the time."""
    factors: Array = np.random.default_rng(0).standard_normal((ITEMS, rank)) / np.sqrt(rank)
    return factors.astype(np.float32)


def our_solver(rank: int) -> Solver:
    """Fold in with a Gramian that is computed once."""
    factors = item_factors(rank)
    shared = gramian(factors)

    def solve(rows: sp.csr_matrix) -> Array:
        columns = rows.indptr, rows.indices, rows.data
        return fold_in(factors, *columns, reg_param=_REG_PARAM, gramian=shared)

    return solve


def _peers_solver(rank: int) -> Solver:
    model = AlternatingLeastSquares(factors=rank, regularization=_REG_PARAM, num_threads=1)
    model.item_factors = item_factors(rank)
    assert model.YtY.shape == (rank, rank)  # computed here, once
    return lambda rows: np.asarray(model.recalculate_user(np.arange(rows.shape[0]), rows))


def _ratio(name: str, batches: list[sp.csr_matrix], rank: int, target: float | None) -> Ratio:
    measures = [partial(_rate, solve, batches) for solve in (our_solver(rank), _peers_solver(rank))]
    ours, peer = alternating(measures, _ROUNDS)
    note = "implicit's recalculate_user, one core"
    return Ratio(name, median(ours), median(peer), median_ratio(ours, peer), "users/s", target, note)


def _rate(solve: Solver, batches: list[sp.csr_matrix]) -> float:
    started = time.perf_counter()
    for rows in batches:
        solve(rows)
    users = sum(int(rows.shape[0]) for rows in batches)
    return users / (time.perf_counter() - started)
