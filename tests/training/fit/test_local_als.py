from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from algorithms.fold_in import fold_in, gramian
from algorithms.loss import implicit_loss
from contracts.settings import TrainingSettings
from training.fit import half_step as on_spark
from training.fit.als import Problem, ranking, rating
from training.fit.factors import Matrix
from training.fit.local_als import Side, by_row, fit_locally, half_step, random_start

USERS, ITEMS = 60, 40


def _world(seed: int = 0) -> tuple[Side, Side]:
    rng = np.random.default_rng(seed)
    pairs = rng.choice(USERS * ITEMS, 500, replace=False)
    users, items = (pairs // ITEMS).astype(np.int32), (pairs % ITEMS).astype(np.int32)
    users[users == 7] = 8  # nothing is left of user 7; a pair stands once all the same
    keep = np.unique(users.astype(np.int64) * ITEMS + items, return_index=True)[1]
    strengths = rng.choice([-0.5, 0.0, 1.0, 2.0], 500)
    return (
        by_row(users[keep], items[keep], strengths[keep], USERS),
        by_row(items[keep], users[keep], strengths[keep], ITEMS),
    )


def _problem() -> Problem:
    return ranking(TrainingSettings(als_rank=6, als_max_iter=5))


@pytest.mark.parametrize("problem", [_problem(), replace(rating(TrainingSettings()), rank=6)])
def test_a_half_step_solves_what_fold_in_solves(problem: Problem) -> None:
    by_user, _ = _world()
    fixed = np.random.default_rng(1).standard_normal((ITEMS, 6)).astype(np.float32)
    expected = fold_in(
        fixed,
        by_user.indptr,
        by_user.columns,
        by_user.values,
        reg_param=problem.reg_param,
        alpha=problem.alpha,
        implicit=problem.implicit,
    )
    assert np.allclose(half_step(by_user, fixed, problem), expected, rtol=1e-4, atol=1e-6)


def _with_spark_s_solver(side: Side, fixed: Matrix, problem: Problem) -> Matrix:
    """The half-step that runs in Spark's workers, on the same rows."""
    owners = np.repeat(np.arange(len(side.indptr) - 1), np.diff(side.indptr))
    rows = pa.table({"row": owners, "column": side.columns, "value": side.values})
    found = on_spark.solve(rows, on_spark.Fixed(fixed, gramian(fixed)), problem)
    factors = np.zeros((len(side.indptr) - 1, problem.rank), np.float32)
    for row, vector in zip(found["id"].to_pylist(), found["features"].to_pylist(), strict=True):
        factors[row] = vector
    return factors


def test_from_the_same_start_the_loss_is_that_of_the_distributed_fit() -> None:
    (by_user, by_item), problem = _world(), _problem()
    start = random_start(by_user, problem.rank, seed=3)
    local = fit_locally(by_user, by_item, problem, start=start)
    users = start
    for _ in range(problem.max_iter):
        items = _with_spark_s_solver(by_item, users, problem)
        users = _with_spark_s_solver(by_user, items, problem)

    def loss(user_factors: Matrix, item_factors: Matrix) -> float:
        return implicit_loss(
            user_factors,
            item_factors,
            by_user.indptr,
            by_user.columns,
            by_user.values,
            reg_param=problem.reg_param,
            alpha=problem.alpha,
        )

    assert loss(*local) == pytest.approx(loss(users, items), rel=1e-5)
    first = half_step(by_item, start, problem)
    assert loss(*local) < loss(half_step(by_user, first, problem), first)


def test_a_row_without_anything_liked_is_zero() -> None:
    (by_user, by_item), problem = _world(), _problem()
    local = fit_locally(by_user, by_item, problem)
    assert not local.users[7].any()
    owners = np.repeat(np.arange(USERS), np.diff(by_user.indptr))
    nothing_liked = np.bincount(owners, by_user.values > 0, USERS) == 0
    assert np.array_equal(~local.users.any(axis=1), nothing_liked)


def test_a_fit_is_the_same_for_the_same_seed() -> None:
    (by_user, by_item), problem = _world(), _problem()
    fits = [fit_locally(by_user, by_item, problem, seed=seed) for seed in (1, 1, 2)]
    assert np.array_equal(fits[0].items, fits[1].items)
    assert not np.array_equal(fits[0].items, fits[2].items)


def test_without_regularisation_nothing_is_nan_and_nonnegative_problems_are_refused() -> None:
    by_user, by_item = _world()
    free = replace(_problem(), reg_param=0.0)
    assert np.isfinite(fit_locally(by_user, by_item, free).items).all()
    with pytest.raises(ValueError, match="not solved locally"):
        fit_locally(by_user, by_item, replace(_problem(), nonnegative=True))
