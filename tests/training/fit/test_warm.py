from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession

from contracts.settings import TrainingSettings
from contracts.stored.manifest import FitRecord, Manifest
from tests.manifests import a_manifest
from training.fit.als import Problem, full_fit
from training.fit.factors import matrix
from training.fit.warm import may_be_warm, warm_fit
from training.rounds.parameters import recorded_parameters

SETTINGS = TrainingSettings(warm_rounds=3, warm_new_share=0.2)
USERS, ITEMS = 20, 15
DDL = "user_index INT, item_index INT, strength FLOAT, rating FLOAT"


PARAMETERS = recorded_parameters(SETTINGS)


def champion(warm_rounds: int = 0) -> Manifest:
    fit = FitRecord(warm=False, why="", warm_rounds=warm_rounds, full_interactions=900)
    return a_manifest().with_parts(parameters=PARAMETERS, fit=fit)


@pytest.mark.parametrize(
    ("before", "interactions", "warm", "reason"),
    [
        (None, 1000, False, "no champion"),
        (champion(), 1000, True, "warm round 1"),
        (champion(warm_rounds=2), 1000, True, "warm round 3"),
        (champion(warm_rounds=3), 1000, False, "WARM_ROUNDS"),
        (champion(), 1200, False, "25% of the interactions are new"),
        (
            champion().with_parts(parameters=PARAMETERS.with_parts(als_rank=3)),
            1000,
            False,
            "the parameters changed",
        ),
        (champion().with_parts(fit=None), 1000, False, "WARM_ROUNDS"),
    ],
)
def test_a_round_is_warm_while_it_is_near_a_full_fit(
    before: Manifest | None, interactions: int, warm: bool, reason: str
) -> None:
    found = may_be_warm(before, PARAMETERS, interactions, SETTINGS)
    assert found.warm is warm
    assert reason in found.reason
    assert not may_be_warm(
        before, PARAMETERS, interactions, SETTINGS.model_copy(update={"warm_rounds": 0})
    ).warm


def preferences(spark: SparkSession) -> Any:
    rng = np.random.default_rng(2)
    rows = [
        (user, item, float(rng.choice([-0.5, 1.0, 2.0])), float(rng.integers(1, 6)))
        for user in range(USERS)
        for item in range(ITEMS)
        if rng.random() < 0.5
    ]
    return spark.createDataFrame(rows, DDL).persist()


@pytest.mark.parametrize("implicit", [True, False])
def test_a_warm_fit_from_a_converged_fit_stays_there_and_gives_the_user_rows_of_spark(
    spark: SparkSession, implicit: bool
) -> None:
    column = "strength" if implicit else "rating"
    # With this strong regularisation few iterations suffice; each takes twenty Spark jobs.
    problem = Problem("", column, implicit, 3, 17, 1.0, 1.0, nonnegative=False)
    rows = preferences(spark)
    full = full_fit(rows, problem, ITEMS, blocks=2, seed=1)
    warm = warm_fit(rows, problem, full.items, USERS, blocks=2)
    np.testing.assert_allclose(warm.items, full.items, atol=2e-3)
    found, expected = (matrix(fit.users, USERS, 3) for fit in (warm, full))
    np.testing.assert_allclose(found, expected, atol=2e-3)
    warm.release()
    full.release()


def test_a_new_item_gets_factors_from_the_users_who_interacted_with_it(spark: SparkSession) -> None:
    problem = Problem("", "strength", True, 3, 10, 0.1, 1.0, nonnegative=False)
    rows = preferences(spark)
    full = full_fit(rows, problem, ITEMS, blocks=1, seed=1)
    start = full.items.copy()
    start[4] = 0
    warm = warm_fit(rows, problem, start, USERS, blocks=2)
    cosine = float(warm.items[4] @ full.items[4])
    cosine /= float(np.linalg.norm(warm.items[4]) * np.linalg.norm(full.items[4]))
    assert cosine > 0.9
