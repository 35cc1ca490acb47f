"""Estimates for pairs of a user and an item, as GET /v1/users/{user_id}/estimate gives them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Literal

from contracts.events import RATING
from contracts.settings import ServingSettings
from serving.bulk.pairs import Estimated, Pair, PairFileError
from serving.lists.estimates import estimated_ratings, preferences
from serving.lists.ranking_history import graded_history
from serving.memory.factors import ItemFactors
from serving.memory.process_memory import ProcessMemory, empty_memory
from serving.redis.reads.user import read_history
from serving.redis.store import Store, StoreError
from serving.telemetry.metrics import Metrics

Figure = Literal["rating", "preference"]
_USERS_AT_ONCE = 32
_PATIENCE_SECONDS = 10.0  # longer than an answer would wait


async def predict(
    settings: ServingSettings, parts: Iterable[Sequence[Pair]], figure: Figure
) -> AsyncIterator[list[Estimated]]:
    """The estimates of each part, in its order; None where a user or an item is unknown to the model.

    Raises StoreError where Redis does not answer, and PairFileError where no model gives this figure.
    """
    store = Store(settings, _PATIENCE_SECONDS, Metrics())
    try:
        memory = empty_memory(settings, store)
        factors = await _factors(memory, figure)
        for part in parts:
            yield await _estimates(memory, factors, part, figure)
    finally:
        await store.close()


async def _factors(memory: ProcessMemory, figure: Figure) -> ItemFactors:
    model = await memory.store.model()
    if model is None:
        raise PairFileError("No model is published yet: `headwater train --once` makes one")
    if not memory.store.state.is_there:
        raise StoreError("Redis has lost the state: `headwater rebuild`")
    cache = memory.rating_factors if figure == "rating" else memory.factors
    factors = await cache.get(model)
    if factors is None:
        raise PairFileError(
            f"The served model {model.version} gives no {figure}: it was trained without ratings (take "
            "--figure preference), or its factors are larger than FACTORS_MAX_BYTES"
        )
    return factors


async def _estimates(
    memory: ProcessMemory, factors: ItemFactors, part: Sequence[Pair], figure: Figure
) -> list[Estimated]:
    """The estimates of a part. Each user's history is read once for all of the user's pairs in it."""
    places: dict[str, list[int]] = {}
    for place, pair in enumerate(part):
        places.setdefault(pair.user_id, []).append(place)
    found: list[float | None] = [None] * len(part)

    async def fill(user_id: str) -> None:
        items = [part[place].item_id for place in places[user_id]]
        for place, value in zip(
            places[user_id], await _of_user(memory, factors, user_id, items, figure), strict=True
        ):
            found[place] = value

    users = list(places)
    for start in range(0, len(users), _USERS_AT_ONCE):
        await asyncio.gather(*map(fill, users[start : start + _USERS_AT_ONCE]))
    return [Estimated(pair, value) for pair, value in zip(part, found, strict=True)]


async def _of_user(
    memory: ProcessMemory, factors: ItemFactors, user_id: str, items: Sequence[str], figure: Figure
) -> list[float | None]:
    if figure == "preference":
        return preferences(factors, await graded_history(memory, user_id), items, memory)
    rows = await read_history(memory.store, user_id)
    ratings = {row.item_id: row.entry.value for row in rows if row.entry.event_type == RATING}
    return estimated_ratings(factors, ratings, items)
