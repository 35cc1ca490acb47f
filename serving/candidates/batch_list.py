"""The list that the trainer wrote for the user: top-N of ALS."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from serving.candidates.candidate import Candidate
from serving.candidates.strategy import Sources, Strategy
from serving.question import Question

SOURCE = "als"


def batch_list(_: Sources) -> Strategy:
    """One page: the user's list of the current model, empty for a user it does not know."""

    async def candidates(question: Question) -> AsyncGenerator[Sequence[Candidate], None]:
        yield [Candidate(item_id, score, SOURCE) for item_id, score in question.user.batch_list]

    return candidates
