"""Whether the lists of a user held the item of the next event: a row of the lake for each event that counted.

The live figures are sums of these (contracts/live_figures.py). An outcome names the place of its event on the
topic and not the user, so an erased user leaves a count only, as in the figures.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from contracts.live_figures import POPULAR, RETRAINED, amounts, day_of, hour_of

MOST_WAITING = 1_000_000  # of a shard, in Redis; what is more counts in the figures and is not kept


class Scored(NamedTuple):
    """How lists held an event's item: its ranks, from 1; None where a list does not hold it."""

    model_version: str
    served: str  # which list the user had: one of live_figures.SERVED_LISTS
    served_rank: int | None
    retrained_rank: int | None
    popular_rank: int | None

    def ranks(self) -> dict[str, int | None]:
        """By the names of live_figures.LISTS."""
        return {
            self.served: self.served_rank,
            RETRAINED: self.retrained_rank,
            POPULAR: self.popular_rank,
        }

    def amounts(self, hour: int) -> dict[str, int]:
        """What one such event adds to which field of its day's figures."""
        return amounts(hour, self.model_version, self.served, self.ranks())


class Outcome(NamedTuple):
    """An event that counted. Times are epoch milliseconds."""

    partition: int
    offset: int
    through: int  # the broker's time of the event: in its hour it counts
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
    """The end of an outcome's line: the same for all events that no list held."""
    return json.dumps(scored, separators=(",", ":"))[1:]


def day_fields(counted: Iterable[tuple[int, Scored, int]]) -> dict[str, dict[str, int]]:
    """What the figures must hold of outcomes: day -> field -> amount, as in the days' hashes in Redis.

    Outcomes are given as (broker's time, how lists held the item, how many such).
    """
    days: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for through, scored, count in counted:
        fields = days[day_of(through)]
        for field, amount in scored.amounts(hour_of(through)).items():
            fields[field] += count * amount
    return {day: dict(fields) for day, fields in days.items()}
