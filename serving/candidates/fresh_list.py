"""The list that the online query made from all of the user's events so far: fold-in, then top-N."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from serving.candidates.candidate import Candidate
from serving.candidates.strategy import Sources, Strategy
from serving.question import Question

PAGE = 16  # most answers need no more of a list
SOURCE = "fresh"


def fresh_list(_: Sources) -> Strategy:
    """The user's folded-in list, empty where there is none of the served model."""

    async def candidates(question: Question) -> AsyncGenerator[Sequence[Candidate], None]:
        ranked = question.user.fresh_list
        for start in range(0, len(ranked), PAGE):
            yield [Candidate(item_id, score, SOURCE) for item_id, score in ranked[start : start + PAGE]]

    return candidates
