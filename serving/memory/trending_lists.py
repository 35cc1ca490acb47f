"""What is trending, kept in the process: one list per half-life."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from serving.redis.reads.lists import trending_pages
from serving.redis.store import Store

HEAD = 500


class TrendingLists:
    """Copies of the heads of ``keyspace.trending``, as fresh as their last refresh."""

    def __init__(self, store: Store, half_lives: Sequence[int]) -> None:
        self._store = store
        self._half_lives = half_lives
        self._heads: dict[int, list[tuple[str, float]]] = {}

    async def refresh(self) -> None:
        """Read the heads again. Keeps what it has where the state was lost, and raises StoreError."""
        heads = await trending_pages(self._store, self._half_lives, HEAD)
        if not self._store.state.is_worth_less(_count_items(heads), _count_items(self._heads)):
            self._heads = heads

    def head(self, half_life: int, now_ms: int) -> list[tuple[str, float]]:
        """Items of one half-life with their decayed sums of weights at a moment, best first."""
        return [(item, mass_at(score, half_life, now_ms)) for item, score in self._heads.get(half_life, ())]


def _count_items(heads: Mapping[int, Sequence[tuple[str, float]]]) -> int:
    return sum(map(len, heads.values()))


def mass_at(score: float, half_life: int, now_ms: int) -> float:
    """The decayed sum behind a ``records.Trend.score`` at a moment: 2 ** (score - now / half-life)."""
    # Bounded, because a clock that is wrong, or a test's, may be far from the events.
    return math.pow(2.0, min(max(score - now_ms / 1000 / half_life, -1000.0), 1000.0))
