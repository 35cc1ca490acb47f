"""What a user would rate an item (explicit model), and how much the user would prefer it (ranking model)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from algorithms.fold_in import fold_in
from algorithms.recency import recency_weights
from contracts.events import MAX_RATING, MIN_RATING, RATING
from serving.http.problems import ProblemError
from serving.lists.ranking_history import Interacted, graded_history
from serving.memory.factors import ItemFactors
from serving.memory.process_memory import ProcessMemory
from serving.redis.reads.user import read_history


class EstimatedItem(BaseModel):
    """What a model says of a user and an item. The two figures are of two models, and do not compare."""

    item_id: str
    title: str | None
    rating: float | None = Field(
        description="Estimated rating, within the scale: by the explicit model; null where it cannot tell"
    )
    preference: float | None = Field(
        description="Predicted preference, about 0 to 1, by the model that ranks lists; not a rating"
    )
    rated: float | None = Field(description="What the user gave, null without a rating")


class Estimates(BaseModel):
    """Estimates for one user, in the order asked for."""

    user_id: str
    scale: tuple[float, float] = Field(description="The smallest and the largest rating")
    items: list[EstimatedItem]
    model_version: str


async def estimates(memory: ProcessMemory, user_id: str, item_ids: Sequence[str]) -> Estimates:
    """Both figures for each item. Raises ProblemError 409 without a model, StoreError."""
    model = await memory.store.model()
    if model is None:
        raise ProblemError(409, "No model is published yet: `headwater train --once` makes one")
    ranking, rating = await memory.factors.get(model), await memory.rating_factors.get(model)
    interactions = await read_history(memory.store, user_id)
    ratings = {each.item_id: each.entry.value for each in interactions if each.entry.event_type == RATING}
    graded = await graded_history(memory, user_id)
    await memory.catalogue.load(item_ids)
    rows = zip(
        item_ids,
        estimated_ratings(rating, ratings, item_ids),
        preferences(ranking, graded, item_ids, memory),
        strict=True,
    )
    items = [
        EstimatedItem(
            item_id=item_id,
            title=memory.catalogue.get(item_id).title,
            rating=stars,
            preference=preference,
            rated=ratings.get(item_id),
        )
        for item_id, stars, preference in rows
    ]
    scale = (MIN_RATING, MAX_RATING)
    return Estimates(user_id=user_id, scale=scale, items=items, model_version=model.version)


def estimated_ratings(
    factors: ItemFactors | None, ratings: dict[str, float], item_ids: Sequence[str]
) -> list[float | None]:
    """Ratings by the explicit model: factors folded in from the user's ratings, times the item's factors.

    They are clipped to the scale of ratings; None where the model cannot tell.
    """
    if factors is None:
        return [None] * len(item_ids)
    places = factors.places(list(ratings))
    vector = fold_in(
        factors.matrix,
        np.array([0, len(ratings)]),
        places,
        np.array(list(ratings.values()), np.float64),
        reg_param=factors.reg_param,
        implicit=False,
        nonnegative=factors.nonnegative,
    )[0]
    return _products(factors, vector, item_ids, (MIN_RATING, MAX_RATING))


def preferences(
    factors: ItemFactors | None, graded: Sequence[Interacted], item_ids: Sequence[str], memory: ProcessMemory
) -> list[float | None]:
    """Preferences by the implicit model: factors folded in as for fresh lists, times the item's factors.

    None where the model cannot tell.
    """
    if factors is None:
        return [None] * len(item_ids)
    row, settings = np.array([0, len(graded)]), memory.settings
    times = np.array([each.time_ms for each in graded], np.int64)
    vector = fold_in(
        factors.matrix,
        row,
        factors.places([each.item_id for each in graded]),
        np.array([each.strength for each in graded], np.float64),
        reg_param=factors.reg_param,
        alpha=factors.alpha,
        nonnegative=factors.nonnegative,
        gramian=factors.gramian,
        confidence_weights=recency_weights(
            row,
            times,
            half_life_items=settings.fold_half_life_items,
            half_life_days=settings.fold_half_life_days,
        ),
    )[0]
    return _products(factors, vector, item_ids)


def _products(
    factors: ItemFactors,
    vector: NDArray[Any],
    item_ids: Sequence[str],
    bounds: tuple[float, float] | None = None,
) -> list[float | None]:
    """The products of a user's factors with those of items; None where either has no factors."""
    rows = factors.vectors(item_ids)
    products = rows @ vector.astype(np.float64)
    if bounds is not None:
        products = np.clip(products, bounds[0], bounds[1])
    if not vector.any():
        return [None] * len(item_ids)
    fitted = np.abs(rows).max(axis=1) > 0
    return [
        round(each, 6) if is_fitted else None
        for each, is_fitted in zip(products.tolist(), fitted, strict=True)
    ]
