from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import poisson

from algorithms.association import log_likelihood


def of(together: float, expected: float) -> float:
    return float(log_likelihood(np.array([together]), np.array([expected]))[0])


@given(st.integers(0, 1000), st.floats(0.01, 1000))
def test_the_association_is_the_ratio_of_two_likelihoods(together: int, expected: float) -> None:
    ratio = 2 * (poisson.logpmf(together, max(together, 1e-12)) - poisson.logpmf(together, expected))
    assert np.isclose(of(together, expected), ratio if together > expected else 0.0, rtol=1e-6, atol=1e-6)


def test_popular_pairs_and_pairs_seen_once_do_not_rank_highest() -> None:
    true_pair, popular_pair, chance = of(20, 1), of(120, 100), of(1, 0.1)
    assert true_pair > popular_pair > chance > 0


def test_a_pair_that_was_never_expected_has_a_finite_association() -> None:
    assert np.isfinite(of(3, 0.0))
    assert of(0, 0.0) == 0.0
