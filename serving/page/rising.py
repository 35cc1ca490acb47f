"""Items with a greater share of the events than usual, from the decayed sums of two half-lives."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

# A rising item has at least this sum of weights in the shorter time, and this multiple of its usual share.
LEAST_MASS, LEAST_TIMES = 5.0, 1.5


class Rising(NamedTuple):
    """An item, and how many times its usual share of the events it has; None: it had no events before."""

    item_id: str
    times: float | None


def rising(short: Iterable[tuple[str, float]], usual: Mapping[str, float]) -> list[Rising]:
    """The rising items, the surest first.

    ``short`` has items with their decayed sums by the shorter half-life, ``usual`` those by the longer one.
    An item's share of ``usual`` predicts its share of ``short``. Items are ordered by how far they are above
    it, in standard deviations of a Poisson distribution. Shares are compared, not sums, because in a busy
    hour every item has more events.
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
