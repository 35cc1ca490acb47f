"""Explains why an implicit ALS recommends an item: how much each of the user's interactions adds to its
score."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def contributions(
    history: NDArray[np.floating[Any]],
    strengths: NDArray[np.floating[Any]],
    targets: NDArray[np.floating[Any]],
    *,
    gramian: Floats,
    reg_param: float,
    alpha: float,
    confidence_weights: Floats | None = None,
) -> Floats:
    """Shares (targets, interactions) that add up to each target's score (Hu, Koren, Volinsky 2008, .4).

    A score is y x with x of ``algorithms/fold_in.py``: A x = sum over interactions j of w_j (1 + c_j) p_j y_j
    and A = G + Y' diag(w c) Y + regParam n I. So interaction j has the share y A^-1 y_j w_j (1 + c_j) p_j.
    Strengths of zero or below have no share of their own; they act through A on those of the others.
    ``history`` (interactions, rank) and ``targets`` (targets, rank) are item factors. Not for nonnegative
    models, whose x is no sum. Without a strength above zero all shares are zero, as the score is.
    """
    vectors, strengths = history.astype(np.float64), np.asarray(strengths, np.float64)
    weights = np.ones(len(strengths)) if confidence_weights is None else confidence_weights
    confidence = alpha * np.abs(strengths)
    preferred = strengths > 0
    if not preferred.any():
        return np.zeros((len(targets), len(strengths)))
    system = gramian + (vectors * (weights * confidence)[:, None]).T @ vectors
    system = system + reg_param * preferred.sum() * np.eye(len(gramian))
    pulled = (vectors * (weights * (1 + confidence) * preferred)[:, None]).T  # (rank, interactions)
    # Least squares, as fold_in's least norm, where regParam 0 leaves the system singular.
    if reg_param == 0:
        solved = np.linalg.pinv(system, hermitian=True) @ pulled
    else:
        solved = np.linalg.solve(system, pulled)
    return np.asarray(targets.astype(np.float64) @ solved)
