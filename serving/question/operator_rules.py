"""What an operator asks of every answer: deny and allow lists, an editorial list, boosts."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from serving.question.bounds import JsonId

_MAX_ITEMS, _MAX_BOOSTS = 10_000, 100
Items = Annotated[tuple[JsonId, ...], Field(max_length=_MAX_ITEMS)]
Category = Annotated[str, Field(max_length=128)]


class Rules(BaseModel):
    """What an operator asks of every answer. Nothing by default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    deny: Items = Field(default=(), description="Items that are never recommended")
    allow: Items = Field(default=(), description="When not empty, only these are recommended")
    editorial: Items = Field(default=(), description="For users about whom little is known, in order")
    boosts: Annotated[dict[Category, Annotated[float, Field(ge=0, le=10)]], Field(max_length=_MAX_BOOSTS)] = (
        Field(default_factory=dict, description="Category -> factor on an item's rank; below 1 it sinks")
    )


NO_RULES = Rules()
