"""The loss of implicit ALS over some users: it tells whether further half-steps still lower it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32] | NDArray[np.float64]


def implicit_loss(
    users: Array,
    items: Array,
    indptr: NDArray[np.int64],
    indices: NDArray[np.int32],
    strengths: NDArray[np.float64],
    *,
    reg_param: float,
    alpha: float,
) -> float:
    """The sum over users of Σ_i (1 + alpha |r|) ([r > 0] - x·y)² over all items, and regParam n |x|².

    Interactions as CSR; all other items count with r = 0 by their Gramian (Hu, Koren, Volinsky 2008).
    """
    x, y = users.astype(np.float64), items.astype(np.float64)
    owners = np.repeat(np.arange(len(x)), np.diff(indptr))
    scores = np.einsum("nk,nk->n", x[owners], y[indices])
    liked = strengths > 0
    seen = (1 + alpha * np.abs(strengths)) * (liked - scores) ** 2 - scores**2
    all_items = np.einsum("uk,kl,ul->", x, y.T @ y, x, optimize=True)
    counts = np.bincount(owners[liked], minlength=len(x))
    return float(all_items + seen.sum() + reg_param * (counts * (x**2).sum(axis=1)).sum())
