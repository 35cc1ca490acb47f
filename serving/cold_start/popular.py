"""The last resort that can always fill an answer: every known item, the most popular first."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from serving.candidates.candidate import Candidate, Strategy, User
from serving.popular_list import PopularList

SOURCE = "popular"


def popular(popular_list: PopularList) -> Strategy:
    """The strategy over the process' popular list; it pages on through Redis when memory is exhausted."""

    async def candidates(_: User) -> AsyncGenerator[Sequence[Candidate], None]:
        async for page in popular_list.pages():
            yield [Candidate(item_id, score, SOURCE) for item_id, score in page]

    return candidates
