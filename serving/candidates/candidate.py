"""What is recommended, and to whom."""

from __future__ import annotations

from collections.abc import Sequence, Set
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
    # What an anonymous session likes: item and strength, newest first; None: it is in the user's history.
    session: Sequence[tuple[str, float]] | None = None
    stale: bool = False  # Redis did not answer: nothing above is known
