""" "Because you liked": a row of neighbours for each of the items that a user liked last."""

from __future__ import annotations

from pydantic import BaseModel, Field

from serving.answer.recommended_item import RECOMMENDATION_ID, RecommendedItem
from serving.answer.recommender import Recommender
from serving.answer.strategies.batch_list import SOURCE
from serving.answer.strategies.strategy import list_strategy
from serving.memory.process_memory import ProcessMemory
from serving.question.list_options import ListOptions
from serving.redis.reads.item import similar_to_many
from serving.redis.reads.taste import NEWEST, liked_lately
from serving.redis.reads.user import read_user


class BecauseRow(BaseModel):
    """Items like one that the user liked."""

    item_id: str
    title: str | None
    items: list[RecommendedItem]


class BecauseYouLiked(BaseModel):
    """A row for each of the items liked last that the model knows; known items left out, each item once."""

    user_id: str
    rows: list[BecauseRow]
    model_version: str | None
    recommendation_id: str = RECOMMENDATION_ID
    stale: bool = Field(False, description="Redis has lost the state, or a rebuild is writing it")


async def because_rows(
    recommender: Recommender, memory: ProcessMemory, user_id: str, rows: int, n: int
) -> BecauseYouLiked:
    """At most ``rows`` rows of n items. An item is in one row only, that of the item liked last."""
    user = await read_user(memory.store, user_id)
    lately = list_strategy(await liked_lately(memory.store, user, memory.settings), SOURCE)
    # A hidden item has no row either.
    liked = [each.item_id for each in await recommender.list_for_all(lately, NEWEST)]
    answer_rows: list[BecauseRow] = []
    shown: set[str] = set()
    for item_id, neighbours in zip(liked, await similar_to_many(memory.store, liked), strict=True):
        if len(answer_rows) == rows:
            break
        question = await recommender.question(user, ListOptions(n, known="skip", exclude=frozenset(shown)))
        chosen = await recommender.fill(question, n, (list_strategy(neighbours, SOURCE),))
        if chosen:
            shown.update(candidate.item_id for candidate in chosen)
            answer_rows.append(
                BecauseRow(item_id=item_id, title=None, items=recommender.with_titles(chosen, 0))
            )
    await memory.catalogue.load(row.item_id for row in answer_rows)
    for row in answer_rows:
        row.title = memory.catalogue.get(row.item_id).title
    return BecauseYouLiked(
        user_id=user_id,
        rows=answer_rows,
        model_version=user.model_version,
        stale=not recommender.holds_state,
    )
