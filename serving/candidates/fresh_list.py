"""The list that the online query made from all of the user's events so far: fold-in, then top-N."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from serving.candidates.candidate import Candidate
from serving.candidates.strategy import Sources, Strategy
from serving.question import Question

SOURCE = "fresh"


def fresh_list(_: Sources) -> Strategy:
    """One page: the user's folded-in list, empty where there is none of the served model."""

    async def candidates(question: Question) -> AsyncGenerator[Sequence[Candidate], None]:
        yield [Candidate(item_id, score, SOURCE) for item_id, score in question.user.fresh_list]

    return candidates
