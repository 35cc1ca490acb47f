"""Neighbours of the items that the user liked last, for users without a list of the model."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncGenerator, Sequence

from serving.answer.strategies.strategy import Strategy
from serving.memory.process_memory import ProcessMemory
from serving.question.candidate import Candidate
from serving.question.question import Question
from serving.redis.reads.item import similar_to_many
from serving.redis.reads.taste import liked_lately
from serving.redis.store import StoreError

SOURCE = "session"


def session_neighbours(memory: ProcessMemory) -> Strategy:
    """One page: the model's neighbours of the newest liked items, by the sum of strength x similarity."""

    async def candidates(question: Question) -> AsyncGenerator[Sequence[Candidate], None]:
        try:
            liked = await liked_lately(memory.store, question.user, memory.settings)
            neighbours = await similar_to_many(memory.store, [item for item, _ in liked])
        except StoreError:
            return
        scores: dict[str, float] = defaultdict(float)
        for (_, strength), similar in zip(liked, neighbours, strict=True):
            for item_id, similarity in similar:
                scores[item_id] += strength * similarity
        best = sorted(scores.items(), key=lambda pair: -pair[1])
        yield [Candidate(item_id, score, SOURCE) for item_id, score in best]

    return candidates
