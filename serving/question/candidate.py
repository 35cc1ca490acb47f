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


@dataclass(slots=True)  # not frozen: that would cost more than the rest of making one
class User:
    """What one answer knows of its user; one round trip to Redis reads it."""

    user_id: str
    known_items: Set[str] = frozenset()
    model_version: str | None = None
    batch_list: Sequence[tuple[str, float]] = ()  # the model's top-N: item and score, best first
    fresh_list: Sequence[tuple[str, float]] = ()  # the same, folded in since
    trending_leads: bool = False  # answers begin with what trends: no model is better yet
    applied_through: int | None = None  # broker's time (ms) up to which every event is in the state
    # What an anonymous session likes: item and strength, newest first; None: it is in the user's history.
    session: Sequence[tuple[str, float]] | None = None
    shown: Sequence[tuple[str, float]] = ()  # items of answers lately, and when (epoch ms); see impressions
    stale: bool = False  # Redis did not answer: nothing above is known

    @property
    def best_list(self) -> Sequence[tuple[str, float]]:
        """The folded-in list, else the trainer's."""
        return self.fresh_list or self.batch_list


def unite(users: Sequence[User]) -> User:
    """Several users as one: what any of them knows is known; as old as the oldest state. For a group."""
    throughs = [user.applied_through for user in users if user.applied_through is not None]
    return User(
        "",
        frozenset().union(*(user.known_items for user in users)),
        users[0].model_version,
        applied_through=min(throughs, default=None),
        session=(),  # of one of them, it would speak for all
        stale=any(user.stale for user in users),
    )
