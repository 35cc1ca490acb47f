"""The interface of a strategy, and a ranked list as a strategy."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence

from serving.memory.process_memory import ProcessMemory
from serving.question.candidate import Candidate
from serving.question.question import Question

PAGE = 16  # most answers need no more of a list
# Pages of candidates, best first; a page is asked for only while the answer is not full. A strategy that
# finds nothing, or whose reads fail, yields nothing: the next one goes on.
Strategy = Callable[[Question], AsyncGenerator[Sequence[Candidate], None]]


async def pages(
    entries: Sequence[tuple[str, float]], source: str
) -> AsyncGenerator[Sequence[Candidate], None]:
    """A ranked list page by page, so that no more of it is decoded than the answer needs."""
    for start in range(0, len(entries), PAGE):
        yield [Candidate(item_id, score, source) for item_id, score in entries[start : start + PAGE]]


def list_strategy(entries: Sequence[tuple[str, float]], source: str) -> Strategy:
    """A ranked list that was read before, as a strategy."""
    return lambda _: pages(entries, source)


Factory = Callable[[ProcessMemory], Strategy]
