from __future__ import annotations

import numpy as np
import pytest
from pyspark.sql import SparkSession

from algorithms.fold_in import fold_in
from algorithms.loss import implicit_loss
from contracts.settings import TrainingSettings
from tests.training.in_memory.worlds import as_events, random_rows
from training.fit import als as distributed
from training.fit.factors import matrix
from training.fit.warm import warm_fit
from training.in_memory import als
from training.in_memory.load import RoundArrays, load_arrays

SETTINGS = TrainingSettings(
    als_rank=4, explicit_rank=3, als_max_iter=12, explicit_max_iter=12, train_min_events=1
)
PROBLEMS = {"ranking": distributed.ranking(SETTINGS), "rating": distributed.rating(SETTINGS)}


@pytest.fixture(scope="module")
def data() -> RoundArrays:
    events = as_events(random_rows(3, users=80, items=40))
    loaded = load_arrays(events, len(events), SETTINGS, 0)
    assert loaded is not None
    return loaded


def _frame(spark: SparkSession, data: RoundArrays):  # type: ignore[no-untyped-def]
    pairs = data.pairs
    ratings = [None if np.isnan(rating) else rating for rating in pairs.ratings.tolist()]
    rows = list(
        zip(pairs.users.tolist(), pairs.items.tolist(), pairs.strengths.tolist(), ratings, strict=True)
    )
    return spark.createDataFrame(rows, "user_index INT, item_index INT, strength FLOAT, rating FLOAT")


@pytest.mark.parametrize("name", PROBLEMS)
def test_from_the_same_start_spark_and_memory_give_the_same_factors(
    spark: SparkSession, data: RoundArrays, name: str
) -> None:
    problem, users, items = PROBLEMS[name], data.counts.users, data.counts.items
    start = np.random.default_rng(1).normal(0, 0.3, (items, problem.rank)).astype(np.float32)
    fitted = warm_fit(_frame(spark, data), problem, start, users, 2, sweeps=3)
    sides = als.sides_of(data.pairs, problem, users, items)
    found = als.with_users(sides, problem, als.warm_items(sides, problem, start, sweeps=3))
    np.testing.assert_allclose(found.items, fitted.items, rtol=2e-4, atol=2e-5)
    np.testing.assert_allclose(found.users, matrix(fitted.users, users, problem.rank), rtol=2e-4, atol=2e-5)
    fitted.release()


def _loss(data: RoundArrays, factors: als.FittedFactors, problem: distributed.Problem) -> float:
    sides = als.sides_of(data.pairs, problem, len(factors.users), len(factors.items))
    return implicit_loss(
        factors.users,
        factors.items,
        sides.user_indptr,
        sides.items,
        sides.by_user,
        reg_param=problem.reg_param,
        alpha=problem.alpha,
    )


def test_a_full_fit_reaches_the_loss_of_sparks_fit(spark: SparkSession, data: RoundArrays) -> None:
    problem, users, items = PROBLEMS["ranking"], data.counts.users, data.counts.items
    sides = als.sides_of(data.pairs, problem, users, items)
    losses = []
    for seed in (1, 2, 3):
        model = distributed.spark_als(_frame(spark, data), problem, 2, seed)
        spark_factors = als.FittedFactors(
            matrix(model.userFactors, users, problem.rank), matrix(model.itemFactors, items, problem.rank)
        )
        ours = als.with_users(sides, problem, als.full_items(sides, problem, seed))
        losses.append((_loss(data, ours, problem), _loss(data, spark_factors, problem)))
    loss, sparks = np.array(losses).mean(axis=0)
    once = als.iterate(sides, problem, als.random_users(sides, problem, 1), 1)
    assert loss == pytest.approx(sparks, rel=0.02)
    assert loss < 0.98 * _loss(
        data, als.with_users(sides, problem, once), problem
    )  # iterations did something


def test_user_factors_are_those_of_the_fold_in_for_the_item_factors(data: RoundArrays) -> None:
    for problem in PROBLEMS.values():
        sides = als.sides_of(data.pairs, problem, data.counts.users, data.counts.items)
        fitted = als.with_users(sides, problem, als.full_items(sides, problem, 5))
        known = slice(sides.user_indptr[7], sides.user_indptr[8])
        of_one = fold_in(
            fitted.items,
            np.array([0, known.stop - known.start]),
            sides.items[known],
            sides.by_user[known],
            reg_param=problem.reg_param,
            alpha=problem.alpha,
            implicit=problem.implicit,
        )
        np.testing.assert_array_equal(of_one[0], fitted.users[7])


def test_the_same_seed_gives_the_same_factors(data: RoundArrays) -> None:
    problem = PROBLEMS["ranking"]
    sides = als.sides_of(data.pairs, problem, data.counts.users, data.counts.items)
    first, second, other = (als.full_items(sides, problem, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)
