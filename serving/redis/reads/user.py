"""Reads of one user."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from contracts import strengths
from contracts.stored import keyspace, records
from contracts.stored.statuses import ONLINE_THROUGH
from serving.question.candidate import User
from serving.redis.batches import Command
from serving.redis.model_cache import Model
from serving.redis.ranked_list import RankedList, ranked_list
from serving.redis.store import Store

SCAN_COUNT = 1000
# A history with more items is not read for an answer. The answer asks which of its candidates the user knows.
MANY_KNOWN = 5000
_ONLINE_THROUGH = ("HGET", keyspace.STREAMING_STATUS, ONLINE_THROUGH)


async def read_user(store: Store, user_id: str, with_shown: bool = False, version: str | None = None) -> User:
    """What an answer needs to know about its user, in one round trip.

    ``with_shown``: also the items that were shown lately. ``version``: a model version that an experiment
    serves; None for the served one. The user is stale if Redis does not hold the whole state.
    """
    shards = store.shards
    shard = keyspace.shard_of(user_id, shards)

    def batch_list_command(of_version: str) -> Sequence[Command]:
        return (("HGET", keyspace.top_n(shard, of_version), user_id),)

    others: list[Command] = [
        _ONLINE_THROUGH,
        _known_items_command(store, user_id),
        ("GET", keyspace.fresh(user_id, shards)),
    ]
    if with_shown:
        others.append(("ZRANGE", keyspace.shown_items(user_id, shards), 0, -1, "WITHSCORES"))
    model, (raw,), (through, known, raw_fresh, *shown) = (
        await store.at_model(batch_list_command, *others)
        if version is None
        else await store.at_version(version, batch_list_command, *others)
    )
    fresh = _decode_if_served(model, raw_fresh)
    length = await _length_if_long(store, user_id, known)
    return User(
        user_id,
        known_items=frozenset() if length else frozenset(map(bytes.decode, known)),
        long_histories=(user_id,) if length else (),
        history_length=length,
        model_version=model.version if model else None,
        batch_list=ranked_list(model, raw),
        fresh_list=await _with_item_ids(store, model, fresh),
        hotness=None if fresh is None else fresh.hotness,
        fresh_read_at_ms=0 if fresh is None else fresh.read_at // 1000,
        batch_hotness=records.hotness_of_ranked(raw) if raw else 0.0,
        model_made_ms=model.made_ms if model else 0,
        with_known_items=model.with_known_items if model else False,
        follows_trends=model.follows_trends if model else False,
        trending_leads=model.trending_leads if model else False,
        applied_through=int(through) if through else None,
        shown=[(item.decode(), at) for item, at in shown[0]] if shown else (),
        stale=not store.state.is_there,
    )


def _known_items_command(store: Store, user_id: str) -> Command:
    """Asks for the ids of the known items; of a history that is known to be long, for the length only."""
    key = keyspace.history(user_id, store.shards)
    if user_id in store.long_histories:
        return ("HLEN", key)
    # HRANDFIELD is as fast as HKEYS and gives the same ids, but stops at a given number.
    return ("HRANDFIELD", key, MANY_KNOWN + 1)


async def _length_if_long(store: Store, user_id: str, known: Sequence[bytes] | int) -> int:
    """The length of a history that was not read whole, else 0. The store remembers such users.

    ``known`` is the reply to `_known_items_command`: the ids of the known items, or their number.
    """
    if isinstance(known, int):
        if known <= MANY_KNOWN:  # the user was erased, or has taken interactions back
            store.long_histories.discard(user_id)
        return known
    if len(known) <= MANY_KNOWN:
        return 0
    store.note_long_history(user_id)
    (length,) = await store.ask(("HLEN", keyspace.history(user_id, store.shards)))
    return int(length)


async def known_among(store: Store, user_ids: Sequence[str], item_ids: Sequence[str]) -> set[str]:
    """Those of the items that at least one of the users knows, in one round trip.

    It costs the same however long the histories are.
    """
    if not item_ids:
        return set()
    histories = [keyspace.history(user_id, store.shards) for user_id in user_ids]
    found = await store.ask(*(("HMGET", history, *item_ids) for history in histories))
    return {
        item for entries in found for item, entry in zip(item_ids, entries, strict=True) if entry is not None
    }


def _decode_if_served(model: Model | None, raw: bytes | None) -> records.FreshList | None:
    """The fresh list; None if it is empty or was made with another model than ``model``."""
    if model is None or raw is None:
        return None
    fresh = records.decode_fresh(raw)
    return fresh if fresh.version == model.version and fresh.indexes else None


async def _with_item_ids(
    store: Store, model: Model | None, fresh: records.FreshList | None
) -> Sequence[tuple[str, float]]:
    if model is None or fresh is None:
        return ()
    # This takes a second round trip only if the list has a new item that this process has not read yet.
    await store.read_new_items(model, max(fresh.indexes) + 1 - len(model.item_ids))
    return RankedList(model, (fresh.indexes, fresh.scores))


class HistoryRow(NamedTuple):
    """An interaction that still counts, with its item."""

    item_id: str
    entry: records.HistoryEntry


async def read_history(store: Store, user_id: str) -> list[HistoryRow]:
    """The user's interactions that still count, newest first. Retracted ones do not count."""
    (raw,) = await store.ask_large(("HGETALL", keyspace.history(user_id, store.shards)))
    return _rows(raw)


class Moments(NamedTuple):
    """The interactions that still count, newest first, and all moments of each item, newest first."""

    rows: list[HistoryRow]
    times_ms: dict[str, list[int]]


async def read_history_with_moments(store: Store, user_id: str) -> Moments:
    """Like `read_history`, with all times at which the user came back to an item.

    `contracts.strengths.moments` says which times these are.
    """
    raw, earlier = await store.ask_large(
        ("HGETALL", keyspace.history(user_id, store.shards)),
        ("HGETALL", keyspace.earlier(user_id, store.shards)),
    )
    times_ms = {
        item.decode(): strengths.moments(
            records.decode_history(encoded), records.decode_earlier(earlier.get(item, b""))
        )
        for item, encoded in raw.items()
    }
    return Moments(_rows(raw), times_ms)


def _rows(raw: Mapping[bytes, bytes]) -> list[HistoryRow]:
    rows = [
        HistoryRow(item.decode(), entry)
        for item, encoded in raw.items()
        for entry in strengths.effective(records.decode_history(encoded))
    ]
    rows.sort(key=lambda row: (row.entry.event_time, row.entry.event_id, row.item_id), reverse=True)
    return rows


async def user_ids(store: Store, version: str | None) -> AsyncIterator[str]:
    """Every user with a history or a list of the version. A user may come twice."""
    async for keys in store.keys(keyspace.history_pattern(), SCAN_COUNT):
        for key in keys:
            yield keyspace.user_of_history(key.decode())
    if version is None:
        return
    for shard in range(store.shards):
        scan = partial(_scan_lists, keyspace.top_n(shard, version))
        async for lists in store.pages(scan):
            names_and_lists = iter(lists)
            for user_id, encoded_list in zip(names_and_lists, names_and_lists, strict=True):
                if encoded_list != records.EMPTIED_LIST:
                    yield user_id.decode()


def _scan_lists(key: str, cursor: int) -> Command:
    return "HSCAN", key, cursor, "COUNT", SCAN_COUNT
