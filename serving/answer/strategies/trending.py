"""What many users like at present."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from serving.answer.strategies.strategy import Strategy
from serving.memory.process_memory import ProcessMemory
from serving.question.candidate import Candidate
from serving.question.question import Question

SOURCE = "trending"


def trending(memory: ProcessMemory) -> Strategy:
    """One page: items whose decayed sum of weights reaches TRENDING_MINIMUM, from memory.

    Without the minimum, a single user would decide what trends in a quiet hour or in a replay of old events.
    """
    settings = memory.settings

    async def candidates(question: Question) -> AsyncGenerator[Sequence[Candidate], None]:
        head = memory.trending_lists.head(settings.trending_half_life, question.now_ms)
        yield [
            Candidate(item_id, mass, SOURCE) for item_id, mass in head if mass >= settings.trending_minimum
        ]

    return candidates
