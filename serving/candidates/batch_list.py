"""The list that the trainer wrote for the user: top-N of ALS."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from serving.candidates.candidate import Candidate, User

SOURCE = "als"


async def batch_list(user: User) -> AsyncGenerator[Sequence[Candidate], None]:
    """One page: the user's list of the current model, empty for a user it does not know."""
    yield [Candidate(item_id, score, SOURCE) for item_id, score in user.batch_list]
