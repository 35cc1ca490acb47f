"""Outcomes: for each event that counted in the live figures, whether the user's lists held its item.

The live figures are sums of outcomes (contracts/live_figures.py), and the lake keeps each as a row. An
outcome names its event by the place on the topic (partition and offset), not by the user. So of an erased
user only a count is left, as in the figures.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from contracts.live_figures import POPULAR, RETRAINED, amounts, day_of, hour_of

MOST_WAITING = 1_000_000  # outcomes of a shard in Redis; beyond, events count in the figures only


class Scored(NamedTuple):
    """How lists held an event's item: its ranks, from 1; None where a list does not hold it."""

    model_version: str
    served: str  # which list the user had: one of live_figures.SERVED_LISTS
    served_rank: int | None
    retrained_rank: int | None
    popular_rank: int | None

    def ranks(self) -> dict[str, int | None]:
        """The item's ranks, by the names of live_figures.LISTS."""
        return {
            self.served: self.served_rank,
            RETRAINED: self.retrained_rank,
            POPULAR: self.popular_rank,
        }

    def amounts(self, hour: int) -> dict[str, int]:
        """Field of the day's figures -> what an event with these ranks adds to it."""
        return amounts(hour, self.model_version, self.served, self.ranks())


class Outcome(NamedTuple):
    """An event that counted. Times are epoch milliseconds."""

    partition: int
    offset: int
    through: int  # the broker's time of the event, in whose hour it counts
    scored_at: int
    scored: Scored

    def encode(self) -> str:
        """One line of text."""
        return place_text(self.partition, self.offset, self.through, self.scored_at) + scored_text(
            self.scored
        )

    @classmethod
    def decode(cls, line: str | bytes) -> Outcome:
        """The reverse of `encode`. Raises ValueError or TypeError for other text."""
        partition, offset, through, scored_at, *scored = json.loads(line)
        return cls(partition, offset, through, scored_at, Scored(*scored))


def place_text(partition: int | str, offset: int, through: int, scored_at: int) -> str:
    """The beginning of an outcome's line."""
    return f"[{partition},{offset},{through},{scored_at},"


def scored_text(scored: Scored) -> str:
    """The end of an outcome's line: the same text for all events with the same ranks."""
    return json.dumps(scored, separators=(",", ":"))[1:]


def day_fields(counted: Iterable[tuple[int, Scored, int]]) -> dict[str, dict[str, int]]:
    """The figures that outcomes add up to: day -> field -> amount, as in the days' hashes in Redis.

    Each element of ``counted`` is (the broker's time in ms, the item's ranks, how many outcomes are alike).
    """
    days: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for through, scored, count in counted:
        fields = days[day_of(through)]
        for field, amount in scored.amounts(hour_of(through)).items():
            fields[field] += count * amount
    return {day: dict(fields) for day, fields in days.items()}
