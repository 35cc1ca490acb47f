"""Popular items of the categories that a user likes most, for users whom the model does not know yet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncGenerator, Iterable, Sequence

from serving.answer.strategies.fusion import fuse
from serving.answer.strategies.strategy import Strategy
from serving.memory.process_memory import ProcessMemory
from serving.question.candidate import Candidate
from serving.question.question import Question
from serving.redis.reads.lists import popular_in_categories
from serving.redis.reads.taste import liked_lately
from serving.redis.store import StoreError

SOURCE = "content"
CATEGORIES = 3
_DEPTH = 200


def content(memory: ProcessMemory) -> Strategy:
    """One page: the popular lists of the user's most liked categories, fused.

    A list's weight is how much the user likes its category.
    """

    async def candidates(question: Question) -> AsyncGenerator[Sequence[Candidate], None]:
        try:
            liked = await liked_lately(memory.store, question.user, memory.settings)
            await memory.catalogue.load(item for item, _ in liked)
            weights = most_liked(
                (question.facts(item_id).categories, strength) for item_id, strength in liked
            )
            lists = await popular_in_categories(memory.store, [name for name, _ in weights], _DEPTH)
        except StoreError:
            return
        weighted = [(weight, items) for (_, weight), items in zip(weights, lists, strict=True)]
        yield [Candidate(item_id, score, SOURCE) for item_id, score in fuse(weighted)]

    return candidates


def most_liked(liked: Iterable[tuple[Sequence[str], float]]) -> list[tuple[str, float]]:
    """The CATEGORIES categories with the largest sums of strength, the largest first.

    An item divides its strength equally among its categories.
    """
    sums: dict[str, float] = defaultdict(float)
    for categories, strength in liked:
        for category in categories:
            sums[category] += strength / len(categories)
    return sorted(sums.items(), key=lambda pair: -pair[1])[:CATEGORIES]
