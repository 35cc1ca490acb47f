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
# More names than these are not read for an answer; which of its candidates the user knows is asked instead.
MANY_KNOWN = 5000
_ONLINE_THROUGH = ("HGET", keyspace.STREAMING_STATUS, ONLINE_THROUGH)


async def user(store: Store, user_id: str, with_shown: bool = False, version: str | None = None) -> User:
    """What an answer needs of its user, by one model version, in one round trip; what was shown if asked.

    ``version`` is one that an experiment serves; None: the served one. Stale where Redis does not hold the
    state: what was found is then only a part.
    """
    shards = store.shards
    shard = keyspace.shard_of(user_id, shards)

    of_shown: list[Command] = (
        [("ZRANGE", keyspace.shown_items(user_id, shards), 0, -1, "WITHSCORES")] if with_shown else []
    )

    def list_at(named: str) -> Sequence[Command]:
        return (("HGET", keyspace.top_n(shard, named), user_id),)

    key = keyspace.history(user_id, shards)
    # HRANDFIELD gives all names, as HKEYS does and as fast, and stops at a number.
    known_items: Command = (
        ("HLEN", key) if user_id in store.long_histories else ("HRANDFIELD", key, MANY_KNOWN + 1)
    )
    others: list[Command] = [
        _ONLINE_THROUGH,
        known_items,
        ("GET", keyspace.fresh(user_id, shards)),
        *of_shown,
    ]
    model, (raw,), (through, known, raw_fresh, *shown) = (
        await store.at_model(list_at, *others)
        if version is None
        else await store.at_version(version, list_at, *others)
    )
    fresh = _fresh_of(model, raw_fresh)
    length = await _length_if_long(store, user_id, known)
    return User(
        user_id,
        known_items=frozenset() if length else frozenset(map(bytes.decode, known)),
        long_histories=(user_id,) if length else (),
        history_length=length,
        model_version=model.version if model else None,
        batch_list=ranked_list(model, raw),
        fresh_list=await _fresh_list(store, model, fresh),
        hotness=None if fresh is None else fresh.hotness,
        fresh_read_at_ms=0 if fresh is None else fresh.read_at // 1000,
        with_known_items=model.with_known_items if model else False,
        follows_trends=model.follows_trends if model else False,
        trending_leads=model.trending_leads if model else False,
        applied_through=int(through) if through else None,
        shown=[(item.decode(), at) for item, at in shown[0]] if shown else (),
        stale=not store.state.is_there,
    )


async def _length_if_long(store: Store, user_id: str, known: Sequence[bytes] | int) -> int:
    """The length of a history that was not read whole, else 0; keeps in mind whose it is.

    ``known``: names of its items, or how many there are.
    """
    if isinstance(known, int):
        if known <= MANY_KNOWN:  # erased, or taken back
            store.long_histories.discard(user_id)
        return known
    if len(known) <= MANY_KNOWN:
        return 0
    store.note_long_history(user_id)
    (length,) = await store.ask(("HLEN", keyspace.history(user_id, store.shards)))
    return int(length)


async def known_among(store: Store, user_ids: Sequence[str], item_ids: Sequence[str]) -> set[str]:
    """Which of the items any of the users knows, however long their histories are; in one round trip."""
    if not item_ids:
        return set()
    histories = [keyspace.history(user_id, store.shards) for user_id in user_ids]
    found = await store.ask(*(("HMGET", history, *item_ids) for history in histories))
    return {
        item for entries in found for item, entry in zip(item_ids, entries, strict=True) if entry is not None
    }


def _fresh_of(model: Model | None, raw: bytes | None) -> records.FreshList | None:
    """The folded-in list; None where it is empty or was made with another model than the one served."""
    if model is None or raw is None:
        return None
    fresh = records.decode_fresh(raw)
    return fresh if fresh.version == model.version and fresh.indexes else None


async def _fresh_list(
    store: Store, model: Model | None, fresh: records.FreshList | None
) -> Sequence[tuple[str, float]]:
    if model is None or fresh is None:
        return ()
    # A second round trip, once per new item and process.
    await store.new_items(model, max(fresh.indexes) + 1 - len(model.item_ids))
    return RankedList(model, (fresh.indexes, fresh.scores))


class HistoryRow(NamedTuple):
    """What a user did with an item, as far as it still counts."""

    item_id: str
    entry: records.HistoryEntry


async def history(store: Store, user_id: str) -> list[HistoryRow]:
    """What counts of the user's interactions: not what was retracted or taken back; newest first."""
    (raw,) = await store.ask_large(("HGETALL", keyspace.history(user_id, store.shards)))
    return _rows(raw)


class Moments(NamedTuple):
    """What counts of a user's interactions, newest first, and all times of each item, newest first."""

    rows: list[HistoryRow]
    times_ms: dict[str, list[int]]


async def history_with_moments(store: Store, user_id: str) -> Moments:
    """As `history`, with all times at which the user came back to an item (contracts.strengths.moments)."""
    raw, earlier = await store.ask_large(
        ("HGETALL", keyspace.history(user_id, store.shards)),
        ("HGETALL", keyspace.earlier(user_id, store.shards)),
    )
    times = {
        item.decode(): strengths.moments(
            records.decode_history(each), records.decode_earlier(earlier.get(item, b""))
        )
        for item, each in raw.items()
    }
    return Moments(_rows(raw), times)


def _rows(raw: Mapping[bytes, bytes]) -> list[HistoryRow]:
    found = [
        HistoryRow(item.decode(), entry)
        for item, each in raw.items()
        for entry in strengths.effective(records.decode_history(each))
    ]
    found.sort(key=lambda each: (each.entry.event_time, each.entry.event_id, each.item_id), reverse=True)
    return found


async def user_ids(store: Store, version: str | None) -> AsyncIterator[str]:
    """Every user with a history or a list of the version; one may come twice."""
    async for keys in store.keys(keyspace.history_pattern(), SCAN_COUNT):
        for key in keys:
            yield keyspace.user_of_history(key.decode())
    for shard in range(store.shards) if version else ():
        scan = partial(_scan_lists, keyspace.top_n(shard, str(version)))
        async for lists in store.pages(scan):
            names_and_lists = iter(lists)
            for user_id, encoded_list in zip(names_and_lists, names_and_lists, strict=True):
                if encoded_list != records.EMPTIED_LIST:
                    yield user_id.decode()


def _scan_lists(key: str, at: int) -> Command:
    return "HSCAN", key, at, "COUNT", SCAN_COUNT
