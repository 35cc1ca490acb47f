"""The interface of a strategy, and a ranked list as a strategy."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence

from serving.memory.process_memory import ProcessMemory
from serving.question.candidate import Candidate
from serving.question.question import Question

PAGE = 16  # most answers need no more of a list
# Yields pages of candidates, best first; the next page is asked for only while the answer is not full. A
# strategy that finds nothing, or whose reads fail, yields nothing, and the next strategy is asked.
Strategy = Callable[[Question], AsyncGenerator[Sequence[Candidate], None]]


async def pages(
    entries: Sequence[tuple[str, float]], source: str
) -> AsyncGenerator[Sequence[Candidate], None]:
    """Yield a ranked list page by page, so that only the needed part is decoded."""
    for start in range(0, len(entries), PAGE):
        yield [Candidate(item_id, score, source) for item_id, score in entries[start : start + PAGE]]


def list_strategy(entries: Sequence[tuple[str, float]], source: str) -> Strategy:
    """A strategy that proposes a ranked list that was read before."""
    return lambda _: pages(entries, source)


Factory = Callable[[ProcessMemory], Strategy]
