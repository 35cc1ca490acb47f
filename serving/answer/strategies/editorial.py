"""An operator's own list."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from serving.answer.strategies.strategy import Strategy
from serving.memory.process_memory import ProcessMemory
from serving.question.candidate import Candidate
from serving.question.question import Question

SOURCE = "editorial"


def editorial(_: ProcessMemory) -> Strategy:
    """One page: ``editorial`` of PUT /v1/rules in its order; scores count down to 1."""

    async def candidates(question: Question) -> AsyncGenerator[Sequence[Candidate], None]:
        items = question.rules.editorial
        yield [Candidate(item_id, float(len(items) - index), SOURCE) for index, item_id in enumerate(items)]

    return candidates
