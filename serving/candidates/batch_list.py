"""The list that the trainer wrote for the user: top-N of ALS."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from serving.candidates.candidate import Candidate
from serving.candidates.strategy import Sources, Strategy
from serving.question import Question

PAGE = 16  # most answers need no more of a list
SOURCE = "als"


def batch_list(_: Sources) -> Strategy:
    """The user's list of the current model, empty for a user it does not know."""

    async def candidates(question: Question) -> AsyncGenerator[Sequence[Candidate], None]:
        ranked = question.user.batch_list
        for start in range(0, len(ranked), PAGE):
            yield [Candidate(item_id, score, SOURCE) for item_id, score in ranked[start : start + PAGE]]

    return candidates
