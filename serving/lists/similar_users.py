"""Users with a similar taste, found from each item's top users, which the model publishes."""

from __future__ import annotations

from pydantic import BaseModel, Field

from serving.answer.strategies.fusion import fuse
from serving.memory.process_memory import ProcessMemory
from serving.redis.reads.item import top_users_of_many
from serving.redis.reads.taste import liked_lately
from serving.redis.reads.user import read_user


class SimilarUser(BaseModel):
    """A user whom the same items suit."""

    user_id: str
    rank: int = Field(ge=1)
    score: float


class SimilarUsers(BaseModel):
    """Users whose taste is like another user's, best first."""

    user_id: str
    n: int
    offset: int = 0
    users: list[SimilarUser]
    model_version: str | None
    stale: bool = Field(False, description="Redis has lost the state, or a rebuild is writing it")


async def similar_to_user(memory: ProcessMemory, user_id: str, n: int, offset: int = 0) -> SimilarUsers:
    """The top users of the items that a user liked last, fused by strength and rank. Raises StoreError."""
    user = await read_user(memory.store, user_id)
    liked = await liked_lately(memory.store, user, memory.settings)
    lists = await top_users_of_many(memory.store, [item_id for item_id, _ in liked])
    weighted = [(strength, users) for (_, strength), users in zip(liked, lists, strict=True)]
    others = [(other, score) for other, score in fuse(weighted) if other != user_id]
    users = [
        SimilarUser(user_id=other, rank=rank, score=round(score, 6))
        for rank, (other, score) in enumerate(others[offset : offset + n], offset + 1)
    ]
    return SimilarUsers(
        user_id=user_id,
        n=n,
        offset=offset,
        users=users,
        model_version=user.model_version,
        stale=not memory.store.state.is_there,
    )
