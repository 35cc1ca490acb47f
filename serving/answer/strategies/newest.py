"""The items that were published last."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from serving.answer.strategies.strategy import Strategy
from serving.memory.process_memory import ProcessMemory
from serving.question.candidate import Candidate
from serving.question.question import Question

SOURCE = "newest"


def newest(memory: ProcessMemory) -> Strategy:
    """One page from memory: items by ``published_at``, the newest first.

    Scores are publication times in seconds.
    """

    async def candidates(question: Question) -> AsyncGenerator[Sequence[Candidate], None]:
        head = memory.newest_list.head(question.now_ms)
        yield [Candidate(item_id, published // 1000, SOURCE) for item_id, published in head]

    return candidates
