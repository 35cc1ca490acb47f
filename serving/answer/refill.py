"""Filling an answer: strategies in order, filters on every page, until it has n items."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import aclosing

from serving.answer.filters.filter import Filter
from serving.answer.strategies.strategy import Strategy
from serving.question.budget import CANDIDATES_A_TURN, MOST_CANDIDATES, too_few_match
from serving.question.candidate import Candidate
from serving.question.question import Question

Load = Callable[[Question, Sequence[str]], Awaitable[None]]
_LOOKED_UP = 1000  # for how many items Redis is asked at once whether a user with a long history knows them
_SPARE = 4  # candidates beyond n that are looked at: few, as lists are made without known items


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
    size = max(n + _SPARE, _LOOKED_UP if question.user.long_histories else 0)
    looked_at = turn = 0
    for strategy in strategies:
        async with aclosing(strategy(question)) as pages:
            async for page in pages:
                # In parts as long as an answer, so that only the used part of a long list costs time.
                for start in range(0, len(page), size):
                    left: Sequence[Candidate] = page[start : start + size]
                    if load is not None:
                        await load(question, [candidate.item_id for candidate in left])
                    for leave_out in filters:
                        left = leave_out(question, left)
                    for candidate in left:
                        chosen.setdefault(candidate.item_id, candidate)
                    if len(chosen) >= n:
                        return list(chosen.values())[:n]
                    looked_at += min(size, len(page) - start)
                    if looked_at >= MOST_CANDIDATES:
                        return _out_of_budget(question, list(chosen.values()))
                    if looked_at - turn >= CANDIDATES_A_TURN:
                        turn = looked_at
                        await asyncio.sleep(0)
    return list(chosen.values())


def _out_of_budget(question: Question, chosen: list[Candidate]) -> list[Candidate]:
    options = question.options
    if options.matching is None or len(chosen) >= options.offset + options.n:
        return chosen
    raise too_few_match(len(chosen))
