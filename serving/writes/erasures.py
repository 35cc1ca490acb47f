"""Says how far an erasure has come, from the statuses of the queries and the trainer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, Field

from contracts.stored import keyspace
from contracts.stored.manifest import Manifest, ManifestError
from contracts.topics import CATALOG, EXPOSURES, INTERACTIONS, REJECTED, RETENTION, Partition
from serving.redis.store import Store
from serving.writes.receipt import ErasureReceipt, encode_receipt


class Remainder(BaseModel):
    """Something that may still hold the user, though no answer shows it."""

    where: str
    what: str
    until: int | None = Field(description="Epoch milliseconds; null where `ends` alone says it")
    ends: str = Field(description="What ends it, with the setting or the command")


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
    remains: list[Remainder] = Field(description="What may still hold the user, and until when")


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
    # Without the mark, Redis holds no whole state: its offsets may even be of an earlier topic.
    applied = int(online or 0) if store.state.is_there else 0
    return describe_erasure(receipt, applied, int(in_lake or 0), learnt_through)


def _learnt_through(text: bytes, partition: int) -> int:
    """The next offset of the catalogue's topic at a model's training; 0 where its manifest does not say.

    (A model whose manifest cannot be read may still hold the user.)
    """
    try:
        return Manifest.from_json(text).catalog_through.get(str(partition), 0)
    except ManifestError:
        return 0


def describe_erasure(
    receipt: ErasureReceipt, online: int, in_lake: int, learnt_through: Sequence[int]
) -> Erasure:
    """The state of an erasure, from the next offsets of both queries and of the models that Redis holds."""
    models = all(through > receipt.offset for through in learnt_through)
    done = (online > receipt.offset, in_lake > receipt.offset, models)
    return Erasure(
        receipt=encode_receipt(receipt),
        requested_at=receipt.requested_at,
        state="complete" if all(done) else "applied" if done[0] else "accepted",
        online=done[0],
        lake=done[1],
        models=models,
        remains=_remains(receipt.requested_at, models),
    )


def _remains(requested_at: int, models: bool) -> list[Remainder]:
    """The copies that no query reaches; for topics, by the retention with which they are created."""
    found = [
        Remainder(
            where=f"Kafka: {topic.name}",
            what=what,
            until=requested_at + int(topic.config[RETENTION]),
            ends="the topic's retention, as it is created",
        )
        for topic, what in _TOPICS
    ]
    return [*found, *([] if models else [_MODELS]), *_OTHERS]


_TOPICS = (
    (INTERACTIONS, "the user's events"),
    (EXPOSURES, "what was shown to the user"),
    (REJECTED, "events of the user that were refused"),
)
_MODELS = Remainder(
    where="MODELS_URI", what="factors of the user", until=None, ends="KEEP_VERSIONS rounds later"
)
_OTHERS = (
    Remainder(
        where=f"Kafka: {CATALOG.name}",
        what="the tombstone, with the user's id; old metadata",
        until=None,
        ends="the broker compacts the metadata; the tombstone stays, so that no replay brings the user back",
    ),
    Remainder(
        where="lake",
        what="data files that its tables no longer name",
        until=None,
        ends="VACUUM_RETENTION_HOURS after `lake` is true",
    ),
    Remainder(
        where="Redis: append-only file and snapshots",
        what="commands that wrote the user's keys",
        until=None,
        ends="Redis rewrites the file as it grows; at once by `redis-cli BGREWRITEAOF` and `BGSAVE`",
    ),
    Remainder(
        where="Redis",
        what="the tombstone, with the user's id",
        until=None,
        ends="it stays, so that no replay brings the user back",
    ),
    Remainder(
        where="backups, ledgers, logs, a producer's own files",
        what="what they hold",
        until=None,
        ends="you delete them; `headwater restore` keeps the user out of the lists",
    ),
)
