"""One item of a list, as the answer holds it, and why the model recommends it.

The JSON of every answer is stable: fields are added, never renamed or removed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field
from typing_extensions import NotRequired, TypedDict

RECOMMENDATION_ID: str = Field(
    "", description="The name of this answer: an event that carries it comes from what the answer showed"
)


class Share(TypedDict):
    """What one item of the history adds to a score."""

    item_id: str
    title: str | None
    share: float


class Explanation(TypedDict):
    """Why the model recommends an item.

    The shares of ``items`` and ``rest`` add up to the score; so do the shares of ``signals``.
    """

    score: float
    items: list[Share]
    rest: Annotated[float, Field(description="The part of the score that is no item's share")]
    signals: Annotated[
        dict[str, float],
        Field(description="The share of each family of signals, for example factors, transitions or trend"),
    ]
    reason: Annotated[str | None, Field(description="The largest share, in words")]


class RecommendedItem(TypedDict):
    """One item of a list; ``score`` compares only with scores of the same ``source``.

    An item has all fields unless the request asks for fewer with ``fields``. It is a dictionary because an
    answer creates many, and a model would take longer.
    """

    item_id: str
    rank: NotRequired[Annotated[int, Field(ge=1)]]
    score: NotRequired[float]
    source: NotRequired[
        Annotated[str, Field(description="Which strategy proposed it (serving/answer/chain.py)")]
    ]
    title: NotRequired[str | None]
    because: NotRequired[Explanation | None]
    propensity: NotRequired[
        Annotated[float, Field(description="For an explored item: how likely it was to be in this answer")]
    ]


def first_source(items: Sequence[RecommendedItem]) -> str | None:
    """The source of the first item, None for an empty list."""
    return items[0]["source"] if items else None
