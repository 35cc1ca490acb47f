"""Reads all that Redis holds about one user: what an erasure would remove."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

from pydantic import BaseModel, Field

from contracts.stored import keyspace, records
from contracts.strengths import effective
from serving.redis.batches import Command
from serving.redis.model_cache import Model
from serving.redis.store import BACKGROUND_SECONDS, Store

_KEYS_AT_ONCE, _SCAN_COUNT = 500, 1000
_STRENGTH = struct.Struct("<d")


class StoredInteraction(BaseModel):
    """The last interaction of one type with one item."""

    item_id: str
    event_type: str
    value: float
    event_time: int = Field(description="Epoch milliseconds UTC")
    event_id: str
    counts: bool = Field(description="False if it was taken back or a later event says the opposite")


class EarlierInteraction(BaseModel):
    """An interaction that a later one of the same type with the same item has replaced."""

    item_id: str
    event_type: str
    event_time: int


class ItemMoment(BaseModel):
    """An item, and when something last happened with it (epoch milliseconds)."""

    item_id: str
    at: int


class StoredItem(BaseModel):
    """An item of a list; ``item_id`` is null where its model is no longer kept."""

    item_id: str | None
    score: float


class StoredList(BaseModel):
    """A list that was made for the user, best first."""

    model_version: str
    items: list[StoredItem]


class ItemOfVersion(BaseModel):
    """An item of a model version, and a number that the version holds about the user and the item."""

    model_version: str
    item_id: str
    score: float


class Elsewhere(BaseModel):
    """Another place that stores data about the user, and how to read it or how long it stays."""

    place: str
    what: str


class StoredUser(BaseModel):
    """All that Redis holds about a user, and the other places that may store something."""

    user_id: str
    read_at: int = Field(description="Epoch milliseconds UTC")
    erased_until: int | None = Field(
        description="The user asked to be forgotten: what happened until then (epoch milliseconds) was erased"
    )
    metadata: dict[str, Any] | None = Field(description="The catalogue's entry of the user")
    interactions: list[StoredInteraction]
    earlier: list[EarlierInteraction]
    recent: list[ItemMoment] = Field(description="The items that the user interacted with last, newest first")
    fresh_list: StoredList | None
    model_lists: list[StoredList] = Field(description="The user's list in each kept version of the model")
    suited: list[ItemOfVersion] = Field(description="Items whose lists of best users contain this user")
    taught: list[ItemOfVersion] = Field(
        description="New items whose provisional factors were solved from this user's taste, among others"
    )
    shown: list[ItemMoment] = Field(
        description="Items that recent answers showed to the user; kept only while rotation is on"
    )
    waiting: dict[str, int] = Field(description="Queue -> since when the user waits in it, or until when")
    tester_of: dict[str, str] = Field(description="Experiment -> the arm in which the user is a tester")
    keys: list[str] = Field(description="The Redis keys that hold something about the user")
    elsewhere: list[Elsewhere]


ELSEWHERE = (
    Elsewhere(
        place="lake: interactions, exposures, catalog",
        what="every event, what was shown, metadata: `headwater users export USER` reads them",
    ),
    Elsewhere(place="Kafka: interactions, exposures, catalog", what="the same, until the topics' retention"),
    Elsewhere(place="Kafka: interactions.rejected", what="rejected events, for 30 days"),
    Elsewhere(place="MODELS_URI", what="the user's factors in kept versions of the model, as numbers"),
    Elsewhere(place="ledgers, logs, backups", what="what they hold, until you delete it"),
)


async def stored_user(store: Store, user_id: str) -> StoredUser:
    """Read all that Redis holds about a user. Raises StoreError.

    It takes several round trips for each kept version of the model.
    """
    shards, shard = store.shards, keyspace.shard_of(user_id, store.shards)
    queues = {
        "fold_in": keyspace.pending(shard),
        "active": keyspace.active(shard),
        "cooling": keyspace.cooling(shard),
    }
    commands: list[Command] = [
        ("HGETALL", keyspace.history(user_id, shards)),
        ("HGETALL", keyspace.retracted_items(user_id, shards)),
        ("HGETALL", keyspace.earlier(user_id, shards)),
        ("ZREVRANGE", keyspace.recent(user_id, shards), 0, -1, "WITHSCORES"),
        ("GET", keyspace.fresh(user_id, shards)),
        ("ZREVRANGE", keyspace.shown_items(user_id, shards), 0, -1, "WITHSCORES"),
        ("HGET", keyspace.erased_users(shard), user_id),
        ("HGET", keyspace.CATALOG_USERS, user_id),
        *(("ZSCORE", key, user_id) for key in queues.values()),
    ]
    replies = await store.ask_alone(*commands, seconds=BACKGROUND_SECONDS)
    history, retracted, earlier, recent, fresh, shown, erased, metadata, *scores = replies
    keys = [
        str(command[1])
        for command, reply in zip(commands, replies, strict=True)
        if reply not in (None, [], {})
    ]
    items = sorted(item.decode() for item in {*history, *retracted})
    (names,) = await store.ask_alone(("ZRANGE", keyspace.MODEL_VERSIONS, 0, -1), seconds=BACKGROUND_SECONDS)
    model_reads = _ModelReads(store, user_id, [name.decode() for name in names])
    return StoredUser(
        user_id=user_id,
        read_at=time.time_ns() // 1_000_000,
        erased_until=None if erased is None else int(erased),
        metadata=records.decode_catalog(metadata) if metadata else None,
        interactions=[*_interactions(history, may_count=True), *_interactions(retracted, may_count=False)],
        earlier=[
            EarlierInteraction(item_id=item.decode(), event_type=each.event_type, event_time=each.event_time)
            for item, raw in earlier.items()
            for each in records.decode_earlier(raw)
        ],
        recent=[ItemMoment(item_id=item.decode(), at=int(at)) for item, at in recent],
        fresh_list=await model_reads.fresh_list(fresh),
        model_lists=[each async for each in model_reads.lists()],
        suited=[each async for each in model_reads.suited_items()],
        taught=[each async for each in model_reads.taught_items(items)],
        shown=[ItemMoment(item_id=item.decode(), at=int(at)) for item, at in shown],
        waiting={name: int(score) for name, score in zip(queues, scores, strict=True) if score is not None},
        tester_of=await _tester_of(store, user_id, keys),
        keys=sorted({*keys, *model_reads.keys}),
        elsewhere=list(ELSEWHERE),
    )


def _interactions(raw: dict[bytes, bytes], may_count: bool) -> list[StoredInteraction]:
    interactions = []
    for item, encoded in raw.items():
        entries = records.decode_history(encoded)
        counted = effective(entries) if may_count else ()
        interactions += [
            StoredInteraction(item_id=item.decode(), counts=entry in counted, **entry._asdict())
            for entry in entries
        ]
    return interactions


async def _tester_of(store: Store, user_id: str, keys: list[str]) -> dict[str, str]:
    """The experiments that name the user as a tester, with the arm; adds what it found to ``keys``."""
    (found,) = await store.ask_alone(("HGETALL", keyspace.EXPERIMENTS), seconds=BACKGROUND_SECONDS)
    arms = {}
    for name, raw in found.items():
        try:
            testers = json.loads(raw)["definition"]["testers"]
            if user_id in testers:
                arms[name.decode()] = str(testers[user_id])
        except (ValueError, KeyError, TypeError):  # the experiments' own routes report a damaged record
            continue
    if arms:
        keys.append(keyspace.EXPERIMENTS)
    return arms


class _ModelReads:
    """Reads what the kept model versions hold about the user. ``keys`` collects the keys that it found."""

    def __init__(self, store: Store, user_id: str, versions: Sequence[str]) -> None:
        self._store, self._user_id, self._versions = store, user_id, versions
        self._models: dict[str, Model] = {}
        self.keys: list[str] = []

    async def fresh_list(self, raw: bytes | None) -> StoredList | None:
        """The decoded fresh list; None where there is none."""
        if raw is None:
            return None
        fresh = records.decode_fresh(raw)
        return await self._with_item_ids(fresh.version, fresh.indexes, fresh.scores)

    async def lists(self) -> AsyncIterator[StoredList]:
        """The user's list in each version that has one; it is empty after an erasure."""
        shard = keyspace.shard_of(self._user_id, self._store.shards)
        for version in self._versions:
            key = keyspace.top_n(shard, version)
            (raw,) = await self._store.ask_alone(("HGET", key, self._user_id), seconds=BACKGROUND_SECONDS)
            if raw is not None:
                self.keys.append(key)
                yield await self._with_item_ids(version, *records.decode_ranked(raw))

    async def suited_items(self) -> AsyncIterator[ItemOfVersion]:
        """The items whose lists of best users name the user. It scans all these lists, stored by item."""
        for version in self._versions:
            key = keyspace.top_users(version)

            def scan(at: int, key: str = key) -> Command:
                return "HSCAN", key, at, "COUNT", _SCAN_COUNT

            async for page in self._store.pages(scan):
                entries = iter(page)
                for item, raw in zip(entries, entries, strict=True):
                    if self._user_id.encode() not in raw:  # most lists need no decoding
                        continue
                    scores = dict(zip(*records.decode_ranked_ids(raw), strict=True))
                    if self._user_id in scores:
                        self.keys.append(key)
                        yield ItemOfVersion(
                            model_version=version, item_id=item.decode(), score=scores[self._user_id]
                        )

    async def taught_items(self, items: Sequence[str]) -> AsyncIterator[ItemOfVersion]:
        """The new items whose provisional factors were solved from this user's taste and others'."""
        for version in self._versions:
            for start in range(0, len(items), _KEYS_AT_ONCE):
                part = items[start : start + _KEYS_AT_ONCE]
                keys = [keyspace.new_item_users(version, item) for item in part]
                commands = (("HGET", key, self._user_id) for key in keys)
                found = await self._store.ask_alone(*commands, seconds=BACKGROUND_SECONDS)
                for item, key, raw in zip(part, keys, found, strict=True):
                    if raw is not None:
                        self.keys.append(key)
                        strength = _STRENGTH.unpack_from(raw)[0] if len(raw) >= _STRENGTH.size else 0.0
                        yield ItemOfVersion(model_version=version, item_id=item, score=strength)

    async def _with_item_ids(
        self, version: str, indexes: Sequence[int], scores: Sequence[float]
    ) -> StoredList:
        if version not in self._models:
            self._models[version] = await self._store.load_model(version)
        model = self._models[version]
        await self._store.read_new_items(model, max(indexes, default=-1) + 1 - len(model.item_ids))
        items = [
            StoredItem(item_id=model.item_at(index), score=score)
            for index, score in zip(indexes, scores, strict=True)
        ]
        return StoredList(model_version=version, items=items)
