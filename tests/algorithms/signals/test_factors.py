from __future__ import annotations

import numpy as np
import pytest

from algorithms.fold_in import fold_in
from algorithms.recency import recency_weights
from algorithms.signals.factors import Factors
from tests.algorithms.signals.worlds import of_events, random_histories

ITEMS = 12


def _factors(**settings: float) -> Factors:
    matrix = np.random.default_rng(1).standard_normal((ITEMS, 4)).astype(np.float32)
    matrix[5] = 0  # unknown to the model
    return Factors(matrix, reg_param=0.1, alpha=0.5, **settings)  # type: ignore[arg-type]


def test_a_score_is_the_product_of_the_item_and_the_folded_in_user() -> None:
    histories = random_histories().where(random_histories().is_newest_of_item)
    factors = _factors()
    known = histories.where(histories.items != 5)
    users = fold_in(
        factors.item_factors,
        known.indptr,
        known.items,
        known.strengths,
        reg_param=0.1,
        alpha=0.5,
        confidence_weights=recency_weights(known.indptr, known.times_ms, half_life_items=20),
    )
    assert np.allclose(factors.score(histories), users @ factors.item_factors.T, atol=1e-5)


def test_a_user_s_scores_do_not_depend_on_the_other_users() -> None:
    histories, factors = random_histories(), _factors()
    whole = factors.score(histories)
    for user in range(len(histories)):
        assert np.array_equal(factors.score(histories.rows(user, user + 1))[0], whole[user])


def test_shares_add_up_to_the_score() -> None:
    factors, history = _factors(half_life=3.0), random_histories().rows(4, 5)
    shares = factors.explain(history, np.arange(ITEMS))
    assert shares.sum(axis=1) == pytest.approx(factors.score(history)[0], abs=1e-5)


def test_an_unknown_item_or_nothing_liked_scores_nothing() -> None:
    factors = _factors()
    assert not factors.score(of_events([(0, 5, 1), (0, -1, 2)], users=1)).any()
    disliked = of_events([(0, 1, 1)], users=1, grades=[-1.0])
    assert not factors.score(disliked).any()
