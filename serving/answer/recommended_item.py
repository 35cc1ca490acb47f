"""One item of a list, as the answer holds it, and why the model recommends it.

The JSON of every answer is stable: fields are added, never renamed or removed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field
from typing_extensions import NotRequired, TypedDict

RECOMMENDATION_ID: str = Field(
    "", description="Of this answer: events that name it are known to come from what it showed"
)


class Share(TypedDict):
    """What one item of the history adds to a score."""

    item_id: str
    title: str | None
    share: float


class Explanation(TypedDict):
    """Why the model recommends an item: the shares of items add up, with ``rest``, to its score.

    So do the shares of ``signals``.
    """

    score: float
    items: list[Share]
    rest: Annotated[float, Field(description="All that is not the share of an item above")]
    signals: Annotated[
        dict[str, float],
        Field(description="The share of each family of signals, as factors, transitions or trend"),
    ]
    reason: Annotated[str | None, Field(description="The largest share in words")]


class RecommendedItem(TypedDict):
    """One item of a list; ``score`` compares only with scores of the same ``source``.

    All fields come unless ``fields`` asks for fewer. A dictionary, because an answer makes many.
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
