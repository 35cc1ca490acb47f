"""Items that are met more often now than they usually are, from the decayed sums of two half-lives."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

# Below this sum of weights in the shorter time, or this many times the usual, nothing is called rising.
LEAST_MASS, LEAST_TIMES = 5.0, 1.5


class Rising(NamedTuple):
    """An item, and how many times as often as usual it is met; None: it was not met before."""

    item_id: str
    times: float | None


def rising(short: Iterable[tuple[str, float]], usual: Mapping[str, float], ratio: float) -> list[Rising]:
    """The surest first.

    ``short`` has items with their decayed sums of the shorter half-life, ``usual`` those of the longer one,
    and ``ratio`` is shorter / longer. At a constant rate a decayed sum is proportional to its half-life, so
    the usual rate predicts ``usual * ratio``; the order is by the distance from it in Poisson deviations.
    """
    found: list[tuple[float, Rising]] = []
    for item_id, mass in short:
        expected = usual.get(item_id, 0.0) * ratio
        times = mass / expected if expected > 0 else None
        if mass >= LEAST_MASS and (times is None or times >= LEAST_TIMES):
            found.append(((mass - expected) / math.sqrt(expected + 1), Rising(item_id, times)))
    return [item for _, item in sorted(found, key=lambda pair: (-pair[0], pair[1].item_id))]
