"""What strategies and filters are: the two interfaces of the answer path."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence, Set
from dataclasses import dataclass
from typing import NamedTuple


class Candidate(NamedTuple):
    """An item that may be recommended, and the strategy that says so."""

    item_id: str
    score: float
    source: str


@dataclass(frozen=True)
class User:
    """What one answer knows of its user; one round trip to Redis reads it."""

    user_id: str
    known_items: Set[str] = frozenset()
    model_version: str | None = None
    batch_list: Sequence[tuple[str, float]] = ()  # the model's top-N: item and score, best first
    fresh_list: Sequence[tuple[str, float]] = ()  # the same, folded in since
    applied_through: int | None = None  # broker's time (ms) up to which every event is in the state
    stale: bool = False  # Redis did not answer: nothing above is known


# Pages of candidates, best first; a page is asked for only while the answer is not full.
Strategy = Callable[[User], AsyncGenerator[Sequence[Candidate], None]]
# Leaves candidates out; keeps the order.
Filter = Callable[[User, Sequence[Candidate]], Sequence[Candidate]]
