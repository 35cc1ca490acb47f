"""How far an erasure has come, read from what the queries and the trainer say of themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, Field

from contracts.stored import keyspace
from contracts.stored.manifest import Manifest, ManifestError
from contracts.topics import CATALOG, Partition
from serving.redis.store import Store
from serving.writes.receipt import ErasureReceipt, encode_receipt


class Erasure(BaseModel):
    """A request to forget a user, and how far it has come."""

    receipt: str = Field(description="For GET /v1/erasures/{receipt}; it names nobody")
    requested_at: int = Field(description="Epoch milliseconds: the user's events until then are erased")
    state: Literal["accepted", "applied", "complete"] = Field(
        description="applied: answers no longer know the user; complete: nor do the lake and the models"
    )
    online: bool = Field(description="Whether the state in Redis is without the user")
    lake: bool = Field(description="Whether the lake's tables are without the user")
    models: bool = Field(description="Whether every model in Redis was trained without the user")


async def read_erasure(store: Store, receipt: ErasureReceipt) -> Erasure:
    """The state of an erasure. Raises StoreError."""
    partition = Partition(CATALOG.name, receipt.partition).name
    online, in_lake, names = await store.ask(
        ("HGET", keyspace.APPLIED_ONLINE, partition),
        ("HGET", keyspace.APPLIED_LAKE, partition),
        ("ZRANGE", keyspace.MODEL_VERSIONS, 0, -1),
    )
    texts = await store.ask(*(("GET", keyspace.manifest(name.decode())) for name in names)) if names else []
    learnt_through = [_learnt_through(text, receipt.partition) for text in texts if text]
    return describe_erasure(receipt, int(online or 0), int(in_lake or 0), learnt_through)


def _learnt_through(text: bytes, partition: int) -> int:
    """The next offset of the catalogue that a model knows of; 0 where its manifest does not say.

    A model whose manifest cannot be read may still hold the user.
    """
    try:
        return Manifest.from_json(text).catalog_through.get(str(partition), 0)
    except ManifestError:
        return 0


def describe_erasure(
    receipt: ErasureReceipt, online: int, in_lake: int, learnt_through: Sequence[int]
) -> Erasure:
    """The same, from the next offsets of both queries and of the models that Redis holds."""
    models = all(through > receipt.offset for through in learnt_through)
    done = (online > receipt.offset, in_lake > receipt.offset, models)
    return Erasure(
        receipt=encode_receipt(receipt),
        requested_at=receipt.requested_at,
        state="complete" if all(done) else "applied" if done[0] else "accepted",
        online=done[0],
        lake=done[1],
        models=models,
    )
