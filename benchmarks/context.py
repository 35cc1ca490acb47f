"""The input and the result of a benchmark."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median


@dataclass(frozen=True)
class BenchContext:
    """Running servers, a folder to write in, and the size of the run (1 is the published size)."""

    bootstrap: str
    redis_url: str
    work_dir: Path
    scale: float


@dataclass(frozen=True)
class Ratio:
    """Our figure and the peer's; ``ratio`` is ours / peer, and larger is better."""

    name: str
    ours: float
    peer: float
    ratio: float
    unit: str
    target: float | None
    note: str

    @property
    def is_met(self) -> bool:
        """Whether the ratio reaches its target; true if it has none."""
        return self.target is None or self.ratio >= self.target


def alternating(variants: Sequence[Callable[[], float]], rounds: int) -> list[list[float]]:
    """Run each once to warm up, then all in turn ``rounds`` times, so that a busy machine slows all alike."""
    for measure in variants:
        measure()
    results: list[list[float]] = [[] for _ in variants]
    for _ in range(rounds):
        for measure, figures in zip(variants, results, strict=True):
            figures.append(measure())
    return results


def median_ratio(ours: Sequence[float], peer: Sequence[float]) -> float:
    """The median of the ratios round by round."""
    return median(a / b for a, b in zip(ours, peer, strict=True))
