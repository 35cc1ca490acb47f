"""Compares the last quarter of a run with its first, and says which figures have grown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

Compared = Mapping[str, Mapping[str, Mapping[str, float]]]  # figure -> quarter -> low, median, most

# How much the last quarter may exceed the first: a share of it, and in the figure's own unit (caches warm
# up, the lake grows).
_ALLOWED: tuple[tuple[str, float, float], ...] = (
    ("MB", 0.20, 64.0),
    ("open files", 0.10, 16.0),
    ("threads", 0.10, 8.0),
    ("events", 0.50, 2000.0),
    ("seconds", 0.50, 0.5),
)
# The memory of a process between rounds and during one. Its median would show how long the rounds took.
_HELD = ("MB", "open files", "threads")


class Quarters:
    """Samples of figures, by quarter of the run."""

    def __init__(self, seconds: float) -> None:
        self._quarter = seconds / 4
        self._seconds = seconds
        self._first: dict[str, list[float]] = defaultdict(list)
        self._last: dict[str, list[float]] = defaultdict(list)

    def add(self, at: float, sample: Mapping[str, float]) -> None:
        """Keep a sample of the first or the last quarter."""
        if self._quarter <= at < self._seconds - self._quarter:
            return
        kept = self._first if at < self._quarter else self._last
        for name, value in sample.items():
            kept[name].append(value)

    def compare(self) -> dict[str, dict[str, dict[str, float]]]:
        """Lowest decile, median and maximum of each quarter, for the figures that both quarters have."""
        return {
            name: {"first": _describe(self._first[name]), "last": _describe(self._last[name])}
            for name in sorted(self._first.keys() & self._last.keys())
        }


def _describe(values: Sequence[float]) -> dict[str, float]:
    low, median = (float(np.percentile(values, share)) for share in (10, 50))
    return {"low": round(low, 3), "median": round(median, 3), "most": max(values)}


def judge(compared: Compared) -> Iterator[str]:
    """A sentence for each figure that has grown by more than its unit allows."""
    for name, quarters in compared.items():
        share, more = next(((s, m) for unit, s, m in _ALLOWED if name.endswith(unit)), (0.0, 0.0))
        for statistic in ("low", "most") if name.endswith(_HELD) else ("median",):
            first, last = quarters["first"][statistic], quarters["last"][statistic]
            if last > first * (1 + share) + more:
                yield f"{name} ({statistic}) grew from {first:,.2f} to {last:,.2f}"
