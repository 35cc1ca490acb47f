"""Items with a greater share of the events than usual, from the decayed sums of two half-lives."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

# Below this sum of weights in the shorter time, or this many times the usual, nothing is called rising.
LEAST_MASS, LEAST_TIMES = 5.0, 1.5


class Rising(NamedTuple):
    """An item, and how many times its usual share of the events it has; None: it had no events before."""

    item_id: str
    times: float | None


def rising(short: Iterable[tuple[str, float]], usual: Mapping[str, float]) -> list[Rising]:
    """The surest first.

    ``short`` has items with their decayed sums of the shorter half-life, ``usual`` those of the longer one.
    An item's share of ``usual`` predicts its share of ``short``; the order is by the distance from it in
    Poisson deviations. Shares are compared because a busy hour, or a stream that has only begun, has more
    events of every item.
    """
    masses = list(short)
    ratio = sum(mass for _, mass in masses) / (sum(usual.values()) or math.inf)
    found: list[tuple[float, Rising]] = []
    for item_id, mass in masses:
        expected = usual.get(item_id, 0.0) * ratio
        times = mass / expected if expected > 0 else None
        if mass >= LEAST_MASS and (times is None or times >= LEAST_TIMES):
            found.append(((mass - expected) / math.sqrt(expected + 1), Rising(item_id, times)))
    return [item for _, item in sorted(found, key=lambda pair: (-pair[0], pair[1].item_id))]
