"""Gives places of an answer to new items at random, so that their worth becomes known.

Off by default (EXPLORE_SLOTS). All eligible items are equally likely, and so are all places. The answer and
the log state the probability, which off-policy estimates divide by.
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from random import Random
from typing import NamedTuple

from serving.answer.strategies.strategy import Strategy
from serving.memory.process_memory import ProcessMemory
from serving.question.candidate import EXPLORED, Candidate
from serving.question.list_options import ListOptions
from serving.question.question import Question

SOURCE = EXPLORED
_POOL, _DAY_MS = 500, 86_400_000
_log = logging.getLogger("headwater.exploration")
Fill = Callable[[Question, int, Iterable[Strategy]], Awaitable[list[Candidate]]]


class Draw(NamedTuple):
    """The page of an answer, with new items in some places."""

    page: Sequence[Candidate]
    eligible: int  # among how many new items the draw was

    def log(self, question: Question) -> None:
        """Log the draw as one line of JSON, without the user: only the exposure in the lake names the user.

        The reason is that an erasure reaches the lake, but no log.
        """
        first = question.options.offset + 1
        shown = [
            {"item_id": each.item_id, "rank": rank, "propensity": round(each.score, 6)}
            for rank, each in enumerate(self.page, first)
            if each.source == SOURCE
        ]
        if shown:
            line = {"model_version": question.user.model_version, "eligible": self.eligible}
            _log.info("%s", json.dumps({"explored": shown, **line}))


class Exploration:
    """Draws new items: those published within EXPLORE_DAYS that pass every filter."""

    def __init__(self, memory: ProcessMemory, random: Random | None = None) -> None:
        self._slots = memory.settings.explore_slots
        self._random = random or Random()
        self._strategy = new_items(memory)

    def slots(self, options: ListOptions) -> int:
        """How many places of an answer new items get: as the experiment's arm says, else the setting."""
        return self._slots if options.explore_slots is None else options.explore_slots

    async def draw(self, question: Question, page: Sequence[Candidate], fill: Fill) -> Draw:
        """The page with some places given to new items. The items that had these places are not shown."""
        slots = self.slots(question.options)
        on_page = {candidate.item_id for candidate in page}
        pool = await fill(question, _POOL, (self._strategy,))
        eligible = [candidate.item_id for candidate in pool if candidate.item_id not in on_page]
        return Draw(replace_at_random(page, eligible, slots, self._random), len(eligible))


def new_items(memory: ProcessMemory) -> Strategy:
    """One page: items published within EXPLORE_DAYS, the newest first."""
    days = memory.settings.explore_days

    async def candidates(question: Question) -> AsyncGenerator[Sequence[Candidate], None]:
        head, oldest = memory.newest_list.head(question.now_ms), question.now_ms - days * _DAY_MS
        yield [Candidate(item_id, published, SOURCE) for item_id, published in head if published >= oldest]

    return candidates


def replace_at_random(
    page: Sequence[Candidate], eligible: Sequence[str], slots: int, random: Random
) -> list[Candidate]:
    """The page with ``slots`` places given to eligible items, both drawn at random without replacement.

    The score of such a candidate is its propensity: the probability that the item is in this answer.
    """
    drawn = min(slots, len(eligible), len(page))
    new_page = list(page)
    if drawn:
        propensity = drawn / len(eligible)
        places, items = random.sample(range(len(page)), drawn), random.sample(eligible, drawn)
        for place, item_id in zip(places, items, strict=True):
            new_page[place] = Candidate(item_id, propensity, SOURCE)
    return new_page
