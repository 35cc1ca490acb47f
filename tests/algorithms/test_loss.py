from __future__ import annotations

import numpy as np
import pytest

from algorithms.fold_in import fold_in
from algorithms.loss import implicit_loss

RNG = np.random.default_rng(6)
USERS, ITEMS, RANK = 5, 7, 3
STRENGTHS = RNG.choice([-0.5, 0.0, 1.0, 2.0], (USERS, ITEMS)) * (RNG.random((USERS, ITEMS)) < 0.6)
ROWS, INDICES = np.nonzero(STRENGTHS)
INDPTR = np.cumsum([0, *np.bincount(ROWS, minlength=USERS)]).astype(np.int64)
CSR = (INDPTR, INDICES.astype(np.int32), STRENGTHS[ROWS, INDICES])


def test_the_loss_is_the_sum_over_every_user_and_item() -> None:
    x, y = RNG.normal(size=(USERS, RANK)), RNG.normal(size=(ITEMS, RANK))
    confidence = 1 + 0.7 * np.abs(STRENGTHS)
    liked = STRENGTHS > 0
    whole = (confidence * (liked - x @ y.T) ** 2).sum() + 0.1 * (liked.sum(axis=1) * (x**2).sum(axis=1)).sum()
    assert implicit_loss(x, y, *CSR, reg_param=0.1, alpha=0.7) == pytest.approx(whole)


def test_folded_in_user_factors_have_the_least_loss() -> None:
    y = RNG.normal(size=(ITEMS, RANK))
    x = fold_in(y, *CSR, reg_param=0.1, alpha=0.7)
    least = implicit_loss(x, y, *CSR, reg_param=0.1, alpha=0.7)
    for _ in range(20):
        moved = x + RNG.normal(0, 0.01, x.shape)
        assert implicit_loss(moved, y, *CSR, reg_param=0.1, alpha=0.7) > least
