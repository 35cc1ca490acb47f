"""What is recommended, and to whom."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import NamedTuple

# The sources of the served model's lists: made in a round, and made by fold-in since then.
BATCH, FRESH = "als", "fresh"
MODEL_SOURCES = frozenset({BATCH, FRESH})
EXPLORED = "explore"  # the source of items that were drawn; the score of such a candidate is its propensity


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
    # Users whose history is too long to be read for an answer. Of what they know, ``known_items`` holds only
    # candidates that were looked up, and ``history_length`` is how many items they know.
    long_histories: Sequence[str] = ()
    history_length: int = 0
    model_version: str | None = None
    batch_list: Sequence[tuple[str, float]] = ()  # the model's top-N: item and score, best first
    fresh_list: Sequence[tuple[str, float]] = ()  # likewise, by fold-in since then
    # The fresh list's hotness (records.FreshList); None: it was made by the factors alone.
    hotness: float | None = None
    fresh_read_at_ms: int = 0  # when the history of the fresh list was read
    batch_hotness: float = 0.0  # of the model's top-N, when its model was made
    model_made_ms: int = 0
    with_known_items: bool = False  # whether both lists may hold known items
    follows_trends: bool = False  # whether the model's lists change with the trends of the moment
    trending_leads: bool = False  # answers begin with trending items: no model is better yet
    applied_through: int | None = None  # broker's time (ms) up to which every event is in the state
    # What an anonymous session likes: item and strength, newest first. None: a user with a history.
    session: Sequence[tuple[str, float]] | None = None
    shown: Sequence[tuple[str, float]] = ()  # items shown lately, and when (epoch ms)
    stale: bool = False  # Redis did not answer, or has lost the state: nothing above is certain

    @property
    def known_count(self) -> int:
        """How many items the user knows; of a group with a long history, at least this number."""
        return max(len(self.known_items), self.history_length)

    @property
    def best_list(self) -> Sequence[tuple[str, float]]:
        """The folded-in list, else the trainer's."""
        return self.fresh_list or self.batch_list


def unite(users: Sequence[User]) -> User:
    """Several users as one, for a group: what any of them knows is known, and the oldest state counts."""
    applied = [user.applied_through for user in users if user.applied_through is not None]
    return User(
        user_id="",
        known_items=frozenset().union(*(user.known_items for user in users)),
        long_histories=[user_id for user in users for user_id in user.long_histories],
        history_length=max(user.history_length for user in users),
        model_version=users[0].model_version,
        applied_through=min(applied, default=None),
        session=(),  # a session of one user would count for all of them
        stale=any(user.stale for user in users),
    )
