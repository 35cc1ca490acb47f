"""Combines several ranked lists into one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

# Reciprocal rank fusion (Cormack, Clarke, Büttcher 2009). Their constant, 60, keeps the first item of a
# single list from deciding alone.
SMOOTHING = 60


def fuse(lists: Iterable[tuple[float, Sequence[str]]]) -> list[tuple[str, float]]:
    """Items of (weight, ranked items) pairs by the sum of weight / (60 + rank), best first.

    Equal sums keep the order in which the items were first seen.
    """
    scores: dict[str, float] = {}
    for weight, items in lists:
        for rank, item in enumerate(items, 1):
            scores[item] = scores.get(item, 0.0) + weight / (SMOOTHING + rank)
    return sorted(scores.items(), key=lambda pair: -pair[1])
