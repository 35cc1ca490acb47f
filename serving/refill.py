"""Filling an answer: strategies in order, filters on every page, until it has n items."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import aclosing

from serving.candidates.candidate import Candidate, Filter, Strategy, User


async def refill(
    user: User, n: int, strategies: Iterable[Strategy], filters: Sequence[Filter]
) -> list[Candidate]:
    """The first n candidates that pass every filter; each item once, from the earliest strategy."""
    chosen: dict[str, Candidate] = {}
    for strategy in strategies:
        async with aclosing(strategy(user)) as pages:
            async for page in pages:
                left = page
                for leave_out in filters:
                    left = leave_out(user, left)
                for candidate in left:
                    chosen.setdefault(candidate.item_id, candidate)
                if len(chosen) >= n:
                    return list(chosen.values())[:n]
    return list(chosen.values())
