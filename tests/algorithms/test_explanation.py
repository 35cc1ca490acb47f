from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from algorithms.explanation import contributions
from algorithms.fold_in import fold_in, gramian


@given(st.integers(0, 1_000_000), st.integers(0, 8), st.sampled_from([0.0, 0.01, 0.5]), st.booleans())
def test_the_shares_add_up_to_the_score_of_the_folded_in_user(
    seed: int, interactions: int, reg_param: float, weighted: bool
) -> None:
    random = np.random.default_rng(seed)
    items = random.normal(size=(12, 3))
    known = random.permutation(12)[:interactions]
    strengths = random.choice([-1.0, 0.0, 1.0, 2.0, 5.0], interactions)
    weights = random.random(interactions) if weighted else None
    parameters = {"reg_param": reg_param, "alpha": 2.0, "gramian": gramian(items)}
    user = fold_in(
        items, np.array([0, interactions]), known, strengths, confidence_weights=weights, **parameters
    )
    shares = contributions(items[known], strengths, items, confidence_weights=weights, **parameters)
    assert shares.shape == (12, interactions)
    np.testing.assert_allclose(shares.sum(axis=1), items @ user[0], rtol=1e-6, atol=1e-9)


def test_items_similar_to_the_explained_one_have_larger_shares() -> None:
    items = np.array([[1.0, 0.0], [0.0, 1.0], [0.9, 0.1]])
    parameters = {"reg_param": 0.1, "alpha": 1.0, "gramian": gramian(items)}
    shares = contributions(items[:2], np.array([1.0, 1.0]), items[2:], **parameters)
    assert shares[0, 0] > 3 * abs(shares[0, 1])


def test_a_history_of_dislikes_explains_nothing() -> None:
    items = np.eye(2)
    parameters = {"reg_param": 0.1, "alpha": 1.0, "gramian": gramian(items)}
    assert not contributions(items[:1], np.array([-1.0]), items, **parameters).any()
