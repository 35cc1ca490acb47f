from __future__ import annotations

import numpy as np
import pytest

from algorithms.solvers import ridge_inverse
from algorithms.solvers.ridge_inverse import invert_in_place


@pytest.mark.parametrize("n", [1, 2, 7, 64, 129])
def test_the_product_with_the_inverse_is_the_identity(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ridge_inverse, "_SMALL", 8)
    monkeypatch.setattr(ridge_inverse, "_PANEL", 5)
    seen = (np.random.default_rng(n).random((40, n)) < 0.3).astype(np.float32)
    matrix = (seen.T @ seen + 3 * np.eye(n)).astype(np.float32)
    inverse = matrix.copy()
    invert_in_place(inverse)
    assert np.allclose(inverse @ matrix, np.eye(n), atol=2e-4)
    assert np.allclose(inverse, inverse.T, atol=1e-5)
