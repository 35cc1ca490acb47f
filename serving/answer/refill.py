"""Fills an answer: asks strategies in order and filters their candidates until the answer has n items."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import aclosing

from serving.answer.filters.filter import Filter
from serving.answer.strategies.strategy import Strategy
from serving.question.budget import CANDIDATES_A_TURN, MOST_CANDIDATES, too_few_match
from serving.question.candidate import Candidate
from serving.question.question import Question

Load = Callable[[Question, Sequence[str]], Awaitable[None]]
# For a user with a long history, Redis is asked for this number of items at once whether the user knows them.
_LOOKUP_SIZE = 1000
_SPARE = 4  # candidates beyond n in a part; few are needed, as lists are made without known items


async def refill(
    question: Question,
    n: int,
    strategies: Iterable[Strategy],
    filters: Sequence[Filter],
    load: Load | None = None,
) -> list[Candidate]:
    """The first n candidates that pass every filter; each item once, from the earliest strategy.

    ``load``, if given, loads what filters need to know about items.
    Raises OverBudgetError if a ``filter`` leaves too few of the first MOST_CANDIDATES candidates.
    """
    chosen: dict[str, Candidate] = {}
    part_size = max(n + _SPARE, _LOOKUP_SIZE if question.user.long_histories else 0)
    examined = examined_at_pause = 0
    async with aclosing(_parts(question, strategies, part_size)) as parts:
        async for part in parts:
            for candidate in await _filter_part(question, part, filters, load):
                chosen.setdefault(candidate.item_id, candidate)
            if len(chosen) >= n:
                return list(chosen.values())[:n]
            examined += len(part)
            if examined >= MOST_CANDIDATES:
                return _out_of_budget(question, list(chosen.values()))
            if examined - examined_at_pause >= CANDIDATES_A_TURN:
                examined_at_pause = examined
                await asyncio.sleep(0)
    return list(chosen.values())


async def _parts(
    question: Question, strategies: Iterable[Strategy], size: int
) -> AsyncGenerator[Sequence[Candidate], None]:
    """The strategies' candidates in order, in parts as long as an answer.

    So only the used part of a long list costs time.
    """
    for strategy in strategies:
        async with aclosing(strategy(question)) as pages:
            async for page in pages:
                for start in range(0, len(page), size):
                    yield page[start : start + size]


async def _filter_part(
    question: Question, part: Sequence[Candidate], filters: Sequence[Filter], load: Load | None
) -> Sequence[Candidate]:
    if load is not None:
        await load(question, [candidate.item_id for candidate in part])
    for apply_filter in filters:
        part = apply_filter(question, part)
    return part


def _out_of_budget(question: Question, chosen: list[Candidate]) -> list[Candidate]:
    options = question.options
    if options.matching is None or len(chosen) >= options.offset + options.n:
        return chosen
    raise too_few_match(len(chosen))
