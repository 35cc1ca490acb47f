"""Visitors of the built-in world: users who are shown a list, look down it, and rate what attracts them.

A visitor looks at the first item, and goes on from each item to the next with probability PATIENCE
(rank-biased precision, Moffat and Zobel 2008). The higher the rating that the visitor would give an item, the
likelier it attracts. So it is known which of two ways to make lists is better, before an experiment compares
them.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from contracts.events import RATING
from ingest.simulated.source import SyntheticWorld

PATIENCE = 0.85
_ATTRACTS_FROM = 4.0  # an item that the user would rate so attracts in half of the cases
_SHARPNESS = 2.0  # log odds per rating point
_GOES_ON = 0.6  # the chance that a visitor asks for one more list


class Visit(NamedTuple):
    """One visit of a user, who asks for ``lists`` lists, one after another."""

    user: int
    session_id: str
    lists: int


@dataclass(frozen=True)
class Visitors:
    """Draws visits. The same generator gives the same ones, except that session ids are always new."""

    world: SyntheticWorld
    chance: np.random.Generator

    def visit(self) -> Visit:
        """Draw the next visit; active users come more often."""
        user, lists = self.world.active_user(self.chance), int(self.chance.geometric(1 - _GOES_ON))
        return Visit(user, f"visit-{uuid.uuid4()}", lists)

    def ratings(self, user: int, item_ids: Sequence[str], now_ms: int) -> dict[str, float]:
        """Which items of a list the user rates, and their ratings. Items of another world attract nobody."""
        items = [self.world.item_number(item_id) for item_id in item_ids]
        expected = self.world.expected_rating(user, now_ms)
        found = {}
        for item_id, item in zip(item_ids, items, strict=True):
            if item is not None and self.chance.random() < attraction(float(expected[item])):
                found[item_id] = self.world.noisy_rating(float(expected[item]), self.chance)
            if self.chance.random() >= PATIENCE:
                break
        return found


def attraction(expected_rating: float) -> float:
    """The probability that an item that is looked at is rated (a logistic curve)."""
    return float(1 / (1 + np.exp(-_SHARPNESS * (expected_rating - _ATTRACTS_FROM))))


def as_events(
    user_id: str, session_id: str, recommendation_id: str, ratings: dict[str, float]
) -> list[dict[str, object]]:
    """The ratings of one list as events for POST /v1/events. They name the list by its recommendation id."""
    return [
        {
            "event_type": RATING,
            "user_id": user_id,
            "item_id": item_id,
            "value": value,
            "session_id": session_id,
            "recommendation_id": recommendation_id,
        }
        for item_id, value in ratings.items()
    ]
