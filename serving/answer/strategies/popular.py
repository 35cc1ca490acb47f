"""The last resort, which can always fill an answer: all items of the popular list, the most popular first."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from serving.answer.strategies.strategy import Strategy
from serving.memory.process_memory import ProcessMemory
from serving.question.candidate import Candidate
from serving.question.question import Question

SOURCE = "popular"


def popular(memory: ProcessMemory) -> Strategy:
    """Pages of the popular list in this process's memory and, after its end, of the list in Redis."""

    async def candidates(_: Question) -> AsyncGenerator[Sequence[Candidate], None]:
        async for page in memory.popular_list.pages():
            yield [Candidate(item_id, score, SOURCE) for item_id, score in page]

    return candidates
