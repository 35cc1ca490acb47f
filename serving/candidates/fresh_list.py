"""The list that the online query made from all of the user's events so far: fold-in, then top-N."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from serving.candidates.candidate import Candidate, User

SOURCE = "fresh"


async def fresh_list(user: User) -> AsyncGenerator[Sequence[Candidate], None]:
    """One page: the user's folded-in list, empty where there is none of the served model."""
    yield [Candidate(item_id, score, SOURCE) for item_id, score in user.fresh_list]
