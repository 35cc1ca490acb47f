"""The answer of a user's list, and of a session's."""

from __future__ import annotations

from pydantic import BaseModel, Field

from serving.answer.recommended_item import RECOMMENDATION_ID, RecommendedItem


class Recommendations(BaseModel):
    """A user's list, best first, without known items unless the model's users come back to items."""

    user_id: str
    n: int
    offset: int = 0
    items: list[RecommendedItem]
    model_version: str | None
    known_items: int = Field(description="How many items the user knows")
    stale: bool = Field(
        description="True if Redis did not answer (then the list is the last popular one, which ignores "
        "histories), has lost the state, is being rebuilt, or has not applied the write named by `after`"
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
