"""Gives places of an answer to new items at random, so that their worth becomes known.

Off by default. EXPLORE_SLOTS is a number of places; all eligible items are equally likely to get them.
EXPLORE_NEW is the probability that one place is given away; its item is drawn by Thompson sampling. In both,
all places are equally likely to be given away. The answer and the log state the probability of each shown
item, because off-policy estimates divide by it.
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
_POOL = 500
# From this number of places on, a page gives one away with the full probability; a shorter page with less.
_LONG_PAGE = 10
_log = logging.getLogger("headwater.exploration")
Fill = Callable[[Question, int, Iterable[Strategy]], Awaitable[list[Candidate]]]


class Draw(NamedTuple):
    """The page of an answer, with new items in some places."""

    page: Sequence[Candidate]
    eligible: int  # the number of new items that could have been drawn

    def log(self, question: Question) -> None:
        """Log the draw as one line of JSON, without the user.

        Only the exposure in the lake names the user, because an erasure reaches the lake but not the logs.
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


class Budget(NamedTuple):
    """How many places of an answer new items get: ``slots`` places, or one with the probability ``share``."""

    slots: int
    share: float  # used where both are set


class Exploration:
    """Draws new items: those published within EXPLORE_DAYS that pass every filter."""

    def __init__(self, memory: ProcessMemory, random: Random | None = None) -> None:
        settings = memory.settings
        self._budget = Budget(settings.explore_slots, settings.explore_new)
        self._random = random or Random()
        self._new_items = memory.new_items
        self._strategy = new_items(memory)

    def is_on(self, options: ListOptions) -> bool:
        """Whether any place of an answer may be given away."""
        return any(self.budget(options))

    def budget(self, options: ListOptions) -> Budget:
        """The budget of the experiment's arm if it names one, else that of the settings."""
        if options.explore_slots is None and options.explore_new is None:
            return self._budget
        return Budget(options.explore_slots or 0, options.explore_new or 0.0)

    async def draw(self, question: Question, page: Sequence[Candidate], fill: Fill) -> Draw:
        """The page with some places given to new items. The items that had these places are not shown."""
        budget = self.budget(question.options)
        if not budget.share:
            eligible = await self._eligible(question, page, fill)
            return Draw(replace_at_random(page, eligible, budget.slots, self._random), len(eligible))
        self._new_items.want()
        chance = chance_of_a_draw(budget.share, len(page))
        if self._random.random() >= chance:
            return Draw(page, eligible=0)
        eligible = await self._eligible(question, page, fill)
        probabilities = self._new_items.probabilities
        if probabilities:
            eligible = [item_id for item_id in eligible if probabilities.get(item_id)]
        weights = [probabilities.get(item_id, 1.0) for item_id in eligible]
        return Draw(replace_one(page, eligible, weights, chance, self._random), len(eligible))

    async def _eligible(self, question: Question, page: Sequence[Candidate], fill: Fill) -> list[str]:
        on_page = {candidate.item_id for candidate in page}
        pool = await fill(question, _POOL, (self._strategy,))
        return [candidate.item_id for candidate in pool if candidate.item_id not in on_page]


def new_items(memory: ProcessMemory) -> Strategy:
    """One page: items published within EXPLORE_DAYS, the newest first."""

    async def candidates(question: Question) -> AsyncGenerator[Sequence[Candidate], None]:
        items = memory.new_items.within_age(question.now_ms)
        yield [Candidate(item_id, published, SOURCE) for item_id, published in items]

    return candidates


def chance_of_a_draw(share: float, places: int) -> float:
    """The probability that a page gives one place away: less for pages of fewer than ten places."""
    return share * min(1.0, places / _LONG_PAGE)


def replace_one(
    page: Sequence[Candidate],
    eligible: Sequence[str],
    weights: Sequence[float],
    chance: float,
    random: Random,
) -> list[Candidate]:
    """The page with one place, chosen at random, given to an eligible item drawn in proportion to its weight.

    The caller calls this with the probability ``chance``. The score of the drawn item is its propensity:
    chance x its weight / the sum of the weights. If all weights are zero, all items are equally likely. The
    weights are probabilities among all new items; a draw among the eligible ones by these weights is the
    same as a draw among all that is repeated until the item is eligible.
    """
    new_page = list(page)
    if eligible and page:
        total = sum(weights)
        shares = [weight / total for weight in weights] if total > 0 else [1 / len(eligible)] * len(eligible)
        (index,) = random.choices(range(len(eligible)), shares)
        new_page[random.randrange(len(page))] = Candidate(eligible[index], chance * shares[index], SOURCE)
    return new_page


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
        places = random.sample(range(len(page)), drawn)
        for place, item_id in zip(places, random.sample(eligible, drawn), strict=True):
            new_page[place] = Candidate(item_id, propensity, SOURCE)
    return new_page
