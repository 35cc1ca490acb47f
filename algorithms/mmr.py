"""Maximal marginal relevance: a ranking that trades relevance against similarity to the items ranked
above."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def mmr(
    relevance: NDArray[np.floating[Any]], vectors: NDArray[np.floating[Any]], diversity: float
) -> list[int]:
    """All places (n) in the order in which they are chosen (Carbonell & Goldstein 1998).

    Next comes the place of the largest (1 - diversity) x relevance - diversity x largest cosine to a chosen
    one. ``relevance`` (n) should lie within 0-1, as cosines do within -1 to 1; ``vectors`` is (n, width), a
    row of zeros is like nothing. Diversity 0 orders by relevance; equal ones by the lower place.
    Raises ValueError for arrays that do not match, are not finite, or a diversity outside 0-1.
    """
    if relevance.shape != vectors.shape[:1] or not 0 <= diversity <= 1:
        raise ValueError("one vector for each relevance, and a diversity within 0-1")
    if not (np.isfinite(relevance).all() and np.isfinite(vectors).all()):
        raise ValueError("relevance and vectors must be finite")
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.divide(vectors, lengths, out=np.zeros(vectors.shape), where=lengths > 0)
    gain = (1 - diversity) * relevance.astype(np.float64)
    nearest = np.full(len(relevance), -np.inf)  # the largest cosine to a chosen place
    order: list[int] = []
    for _ in range(len(relevance)):
        place = int(np.argmax(gain - diversity * nearest if order else gain))
        order.append(place)
        gain[place] = -np.inf
        nearest = np.maximum(nearest, unit @ unit[place])
    return order
