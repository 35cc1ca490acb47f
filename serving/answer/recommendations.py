"""The answer of a user's list, and of a session's."""

from __future__ import annotations

from pydantic import BaseModel, Field

from serving.answer.recommended_item import RECOMMENDATION_ID, RecommendedItem


class Recommendations(BaseModel):
    """A user's list, best first; without items the user knows, unless its users come back to items."""

    user_id: str
    n: int
    offset: int = 0
    items: list[RecommendedItem]
    model_version: str | None
    known_items: int = Field(description="How many items the user knows")
    stale: bool = Field(
        description="Redis did not answer (the last popular list, histories not considered), it has lost the "
        "state or a rebuild is writing it, or the write named by `after` is not applied yet"
    )
    applied_through: int | None = Field(
        description="Epoch milliseconds (the broker's clock): every event until then is in the state"
    )
    arm: str = Field(
        "",
        description="The experiments that this answer is part of, with their arms; to be sent with exposures",
    )
    lag_ms: int | None = Field(description="How far `applied_through` lies behind the API's clock")
    recommendation_id: str = RECOMMENDATION_ID
