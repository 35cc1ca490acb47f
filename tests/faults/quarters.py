"""The first quarter of a run against its last, and what counts as grown."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping

# How much the last quarter's median may exceed the first's: a share of it, and in the figure's own unit
# (caches warm up, the lake grows, a round of training is at work in one quarter more than in the other).
_ALLOWED: tuple[tuple[str, float, float], ...] = (
    ("MB", 0.20, 64.0),
    ("open files", 0.10, 16.0),
    ("threads", 0.10, 8.0),
    ("events", 0.50, 2000.0),
    ("seconds", 0.50, 0.5),
)


class Quarters:
    """Samples of figures by when they were taken."""

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

    def compared(self) -> dict[str, dict[str, float]]:
        """Medians, of the figures that both quarters have."""
        return {
            name: {"first": statistics.median(self._first[name]), "last": statistics.median(self._last[name])}
            for name in sorted(self._first.keys() & self._last.keys())
        }


def judged(compared: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    """A sentence for each figure that has grown beyond what is allowed to its unit."""
    for name, figures in compared.items():
        first, last = figures["first"], figures["last"]
        share, more = next(((s, m) for unit, s, m in _ALLOWED if name.endswith(unit)), (0.0, 0.0))
        if last > first * (1 + share) + more:
            yield f"{name} grew from {first:,.2f} to {last:,.2f}"
