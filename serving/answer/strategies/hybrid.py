"""Combines several strategies into one, with configured weights."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from serving.answer.strategies.fusion import fuse
from serving.answer.strategies.strategy import Strategy
from serving.question.candidate import Candidate
from serving.question.question import Question

SOURCE = "hybrid"
_DEPTH = 200  # how many items of each list are used


def hybrid(weighted: Sequence[tuple[float, Strategy]]) -> Strategy:
    """One page: the first items of every strategy, fused by reciprocal rank (``fusion``)."""

    async def candidates(question: Question) -> AsyncGenerator[Sequence[Candidate], None]:
        lists = [(weight, await _first(strategy, question)) for weight, strategy in weighted]
        yield [Candidate(item_id, score, SOURCE) for item_id, score in fuse(lists)]

    return candidates


async def _first(strategy: Strategy, question: Question) -> list[str]:
    items: list[str] = []
    async with aclosing(strategy(question)) as pages:
        async for page in pages:
            items += (candidate.item_id for candidate in page)
            if len(items) >= _DEPTH:
                break
    return items[:_DEPTH]
