"""Orders items that a caller gives, such as search hits, for a user or a session."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import NotRequired, TypedDict

from serving.answer.recommended_item import RECOMMENDATION_ID, Explanation
from serving.answer.recommender import Recommender, lag_ms
from serving.answer.strategies.strategy import list_strategy
from serving.lists.estimates import preferences
from serving.lists.explanations.explain import Reader, best_moment, explanations
from serving.lists.explanations.shares import HOT, scores_by_blend
from serving.lists.list_of_now import moment_now
from serving.lists.list_query import EXPOSURE, FILTER, Share, matching_of
from serving.lists.ranking_history import Interacted, graded_history
from serving.memory.factors import in_thread_if_large
from serving.memory.process_memory import ProcessMemory
from serving.question.bounds import JsonId
from serving.question.candidate import User
from serving.question.list_options import Known, ListOptions
from serving.redis.store import StoreError

MAX_GIVEN = 1000
_SOURCE = "given"


class RankQuery(BaseModel):
    """What ordering given items takes."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    strength: Share = Field(1.0, description="0: the order as it was given; 1: the personal one")
    known: Known = Field("keep", description="Whether items of the history stay")
    filter: str | None = FILTER
    explain: bool = Field(False, description="Whether each item says what made its score")
    exposure: bool = EXPOSURE

    def options(self, n: int) -> ListOptions:
        """The options for the recommender. Raises ProblemError 422 for text that is not a filter."""
        return ListOptions(n=n, known=self.known, matching=matching_of(self.filter))


class GivenItems(BaseModel):
    """Items in the caller's order."""

    model_config = ConfigDict(extra="forbid")

    item_ids: Annotated[list[JsonId], Field(min_length=1, max_length=MAX_GIVEN)] = Field(
        description="In the caller's order; of an item that comes twice, the first place counts"
    )


class RankedItem(TypedDict):
    """A given item in its new place."""

    item_id: str
    rank: Annotated[int, Field(ge=1)]
    given: Annotated[int, Field(ge=1, description="Its place among the given items that passed the filters")]
    score: Annotated[float | None, Field(description="Null where the model cannot tell: it kept its place")]
    title: str | None
    because: NotRequired[Explanation | None]


class RankedItems(BaseModel):
    """The given items that pass the filters, in their new order."""

    user_id: str
    strength: float
    items: list[RankedItem]
    model_version: str | None
    stale: bool = Field(
        description="Redis did not answer, or has lost the state: the items are in the order that was given"
    )
    applied_through: int | None
    lag_ms: int | None
    recommendation_id: str = RECOMMENDATION_ID


async def rank_for_user(
    recommender: Recommender, memory: ProcessMemory, user_id: str, given: GivenItems, query: RankQuery
) -> RankedItems:
    """The given items, ordered by the user's whole history with the weights that make the user's list."""
    user = await recommender.user(user_id)
    try:
        history = [] if user.stale else await graded_history(memory, user_id)
    except StoreError:
        user, history = User(user_id, stale=True), []
    moment = moment_now(user) if user.follows_trends else best_moment(user)
    return await _rank(recommender, memory, Reader(user, history, moment), given, query)


async def rank_for_session(
    recommender: Recommender,
    memory: ProcessMemory,
    session: Sequence[Interacted],
    given: GivenItems,
    query: RankQuery,
) -> RankedItems:
    """The given items, ordered by what was done in the session, newest first."""
    user = User("", known_items={each.item_id for each in session}, session=())
    try:
        model = await memory.store.model()
    except StoreError:
        user.stale = True
    else:
        user.model_version = model.version if model else None
        user.stale = not memory.store.state.is_there
    return await _rank(recommender, memory, Reader(user, session, HOT), given, query)


async def _rank(
    recommender: Recommender, memory: ProcessMemory, reader: Reader, given: GivenItems, query: RankQuery
) -> RankedItems:
    user, options = reader.user, query.options(len(given.item_ids))
    in_given_order = list_strategy([(item_id, 0.0) for item_id in given.item_ids], _SOURCE)
    left = await recommender.fill(await recommender.question(user, options), options.n, (in_given_order,))
    ids = [candidate.item_id for candidate in left]
    scores: list[float | None] = [None] * len(ids)
    try:
        if not user.stale:
            # The blend is read once, so that scores and explanations go by the same trends.
            reader = reader._replace(blend=await memory.live_blends.get(await memory.store.model()))
        scores = await personal_scores(memory, reader, ids)
    except StoreError:
        user.stale = True
    title_of = memory.catalogue.get
    items = [
        RankedItem(
            item_id=ids[place],
            rank=rank,
            given=place + 1,
            score=scores[place],
            title=title_of(ids[place]).title,
        )
        for rank, place in enumerate(new_order(scores, query.strength), 1)
    ]
    if query.explain:
        reasons = await explanations(memory, reader, [item["item_id"] for item in items])
        for item, because in zip(items, reasons, strict=True):
            item["because"] = because
    return RankedItems(
        user_id=user.user_id,
        strength=query.strength,
        items=items,
        model_version=user.model_version,
        stale=user.stale,
        applied_through=user.applied_through,
        lag_ms=lag_ms(user.applied_through),
    )


async def personal_scores(
    memory: ProcessMemory, reader: Reader, item_ids: Sequence[str]
) -> list[float | None]:
    """The items' scores by what makes the reader's list; None for items or readers that it does not know."""
    if reader.user.stale or not reader.history:
        return [None] * len(item_ids)
    model = await memory.store.model()
    factors = await memory.factors.get(model)
    if factors is None:
        return [None] * len(item_ids)
    blend, moment = reader.blend or await memory.live_blends.get(model), reader.moment

    def scores() -> list[float | None]:
        if blend is None or moment is None:
            return preferences(factors, reader.history, item_ids, memory)
        return scores_by_blend(blend, reader.history, moment, item_ids)

    return await in_thread_if_large(factors, scores)


def new_order(scores: Sequence[float | None], strength: float) -> list[int]:
    """The places of given items in their new order.

    Items without a score keep their places. The others are ordered by
    (1 - strength) x place as given + strength x place by score, both counted among items with a score; where
    this is equal, the item given first comes first.
    """
    scored = [(place, score) for place, score in enumerate(scores) if score is not None]
    by_score = sorted(range(len(scored)), key=lambda at: -scored[at][1])
    personal = {at: place for place, at in enumerate(by_score)}
    mixed = sorted(range(len(scored)), key=lambda at: ((1 - strength) * at + strength * personal[at], at))
    order = list(range(len(scores)))
    for (slot, _), at in zip(scored, mixed, strict=True):
        order[slot] = scored[at][0]
    return order
