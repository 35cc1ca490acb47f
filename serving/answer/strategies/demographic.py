"""What users of the same age, gender or occupation like, for users about whom nothing else is known."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from serving.answer.strategies.fusion import fuse
from serving.answer.strategies.strategy import Strategy
from serving.memory.process_memory import ProcessMemory
from serving.question.candidate import Candidate
from serving.question.question import Question
from serving.redis.reads.segments import segment_lists
from serving.redis.store import StoreError

SOURCE = "demographic"


def demographic(memory: ProcessMemory) -> Strategy:
    """One page: the lists of the user's segments, fused.

    The list of the narrowest segment counts as much as all others together. The trainer makes the lists
    (training/lists/segments.py); at least SEGMENT_MIN_USERS users like each item.
    """

    async def candidates(question: Question) -> AsyncGenerator[Sequence[Candidate], None]:
        names = memory.settings.segment_attributes
        if not names or not question.user.user_id or question.user.stale:
            return
        try:
            lists = await segment_lists(memory.store, question.user.user_id, names)
        except StoreError:
            return
        rankings = [[item for item, _ in entries[:]] for entries in lists]
        weighted = list(zip(weights_of(len(lists)), rankings, strict=True))
        yield [Candidate(item_id, score, SOURCE) for item_id, score in fuse(weighted)]

    return candidates


def weights_of(lists: int) -> list[float]:
    """A weight for each list. The first, the narrowest, counts as much as all others together."""
    return [float(max(1, lists - 1)), *[1.0] * (lists - 1)] if lists else []
