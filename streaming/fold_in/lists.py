"""Folds users in from their whole histories, and writes their fresh lists. Called on the executors.

A list is tagged with its model and with the moment at which its history was read. So a reader never mixes
models, and the list from the later reading replaces the other.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import repeat
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from algorithms.fold_in import UNKNOWN, fold_in
from algorithms.recency import recency_weights
from algorithms.top_n import top_n
from contracts.settings import StreamingSettings
from contracts.stored import keyspace
from contracts.stored.records import FreshList, encode_fresh
from streaming.fold_in.histories import KnownItems, read_histories
from streaming.fold_in.model import OnlineModel, OnlineModels
from streaming.fold_in.new_items import NewItems, Touch, learn_new_items, read_new_items
from streaming.runtime.hold_points import LISTS_WRITTEN, hold
from streaming.state.client import StateClient
from streaming.state.script import lua

_BLOCK_USERS = 128  # folded in between two looks at the clock, by three round trips to Redis
_CALL_USERS = 16  # by one call of a script: Redis answers nobody else meanwhile
_MAX_TOUCHES = 20  # of items unknown to the model, per user and fold-in: the newest

_models = OnlineModels()


class _Reading(NamedTuple):
    """What one round trip to Redis says of some users."""

    read_at: int  # Redis' clock, microseconds
    version: str | None
    histories: list[dict[bytes, bytes]]  # per user, entries by item
    further: list[list[bytes]]  # known items beyond those read


class _Lists(NamedTuple):
    indexes: NDArray[np.int32]
    scores: NDArray[np.float32]


def fold_in_users(
    client: StateClient,
    users: Sequence[str],
    offsets: Mapping[int, int],
    settings: StreamingSettings,
    deadline: float = float("inf"),
) -> list[str]:
    """Fold the users in, in blocks, until ``deadline`` (monotonic seconds).

    ``offsets`` (partition -> next offset) are those that the histories surely hold. Returns the users that
    are left when the time is up; none are where there is no model to fold into.
    """
    new_items = NewItems()
    for start in range(0, len(users), _BLOCK_USERS):
        if time.monotonic() >= deadline:
            return list(users[start:])
        block = users[start : start + _BLOCK_USERS]
        reading = _read(client, block, settings)
        model = _models.of(client, reading.version)
        if model is None:
            _mark_active(client, users, reading.read_at, settings)
            return []
        new_items = read_new_items(client, model, new_items)
        histories = read_histories(reading.histories, model.strengths)
        vectors, indexes = _vectors(model, new_items, histories, settings)
        known = _known(model, new_items, histories, indexes, reading.further)
        lists = _rank(model, new_items, vectors, known, settings.fresh_n)
        _write(client, block, reading, lists, offsets, settings)
        hold(LISTS_WRITTEN)
        touches = list(_touches(model, block, histories, indexes, vectors))
        if settings.new_item_min_users:
            learn_new_items(client, model, touches, settings.new_item_min_users)
    return []


def queue_users(client: StateClient, users: Sequence[str], settings: StreamingSettings) -> None:
    """Let users wait to be folded in, as active now."""
    seconds, micros = client.time()
    with client.pipeline(transaction=False) as pipeline:
        for user in users:
            shard = keyspace.shard_of(user, settings.redis_shards)
            pipeline.zadd(keyspace.pending(shard), {user: 1000 * seconds + micros // 1000})
        pipeline.execute()


def _mark_active(client: StateClient, users: Sequence[str], micros: int, settings: StreamingSettings) -> None:
    with client.pipeline(transaction=False) as pipeline:
        for user in users:
            shard = keyspace.shard_of(user, settings.redis_shards)
            pipeline.zadd(keyspace.active(shard), {user: micros // 1000})
        pipeline.execute()


def _read(client: StateClient, users: Sequence[str], settings: StreamingSettings) -> _Reading:
    shards = settings.redis_shards
    with client.pipeline(transaction=False) as pipeline:
        # First the clock and the pointer: what is read after them is at least as new.
        pipeline.time()
        pipeline.get(keyspace.CURRENT_MODEL)
        # Not by a script: what passes through Lua costs Redis six times as much.
        for user in users:
            pipeline.hgetall(keyspace.history(user, shards))
        (seconds, micros), version, *histories = pipeline.execute()
    further: list[list[bytes]] = [[] for _ in users]
    long = [place for place, history in enumerate(histories) if len(history) > settings.history_cap]
    if long:
        for place, (read, more) in zip(long, _read_newest(client, users, long, settings), strict=True):
            histories[place], further[place] = dict(zip(read[::2], read[1::2], strict=True)), more
    pointer = version.decode() if version else None
    return _Reading(1_000_000 * seconds + micros, pointer, histories, further)


def _read_newest(
    client: StateClient, users: Sequence[str], places: Sequence[int], settings: StreamingSettings
) -> list[tuple[list[bytes], list[bytes]]]:
    """For users with more items than a fold-in reads: [item, entries, ...] of the newest, and all items."""
    script, shards = client.register_script(lua(__package__, "read_history.lua")), settings.redis_shards
    with client.pipeline(transaction=False) as pipeline:
        for place in places:
            keys = [key(users[place], shards) for key in (keyspace.history, keyspace.recent)]
            script(keys=keys, args=[settings.history_cap], client=pipeline)
        return [(read, more) for read, more in pipeline.execute()]


def _by_shard(users: Sequence[str], shards: int) -> Iterator[tuple[int, list[int]]]:
    """The users' places by shard, as many as one call of a script may take."""
    places: dict[int, list[int]] = defaultdict(list)
    for place, user in enumerate(users):
        places[keyspace.shard_of(user, shards)].append(place)
    for shard, of_shard in places.items():
        for start in range(0, len(of_shard), _CALL_USERS):
            yield shard, of_shard[start : start + _CALL_USERS]


def _vectors(
    model: OnlineModel, new_items: NewItems, histories: KnownItems, settings: StreamingSettings
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The users' factors, and the index of each history's item: UNKNOWN, or beyond the model's if new."""
    indexes = np.array(_indexes(model, new_items, histories.items), np.int64)
    touched, rows = np.unique(indexes, return_inverse=True)
    fixed = _factors(model, new_items, touched)
    # `touched` begins with UNKNOWN where there is one: its row is left out.
    weights = recency_weights(
        histories.indptr,
        histories.times,
        half_life_items=settings.fold_half_life_items,
        half_life_days=settings.fold_half_life_days,
    )
    vectors = fold_in(
        fixed,
        histories.indptr,
        np.where(indexes == UNKNOWN, UNKNOWN, rows),
        histories.strengths,
        reg_param=model.reg_param,
        alpha=model.alpha,
        nonnegative=model.nonnegative,
        gramian=model.gramian,
        confidence_weights=weights,
    )
    return vectors, indexes


def _indexes(model: OnlineModel, new_items: NewItems, items: Sequence[bytes]) -> list[int]:
    """Places in the model, then behind it those of new items, else UNKNOWN."""
    known, place, new_place = len(model.index), model.index.get, new_items.index.get
    if not new_items.index:
        return list(map(place, items, repeat(UNKNOWN)))
    return [place(item, known + new_place(item, UNKNOWN - known)) for item in items]


def _factors(model: OnlineModel, new_items: NewItems, indexes: NDArray[np.int64]) -> NDArray[np.float32]:
    """The rows of these items only: the model's factors stay on disk."""
    rows = np.zeros((len(indexes), model.factors.shape[1]), np.float32)
    old = (indexes >= 0) & (indexes < len(model.index))
    rows[old] = model.factors[indexes[old]]
    new = indexes >= len(model.index)
    if new.any():
        rows[new] = new_items.factors[indexes[new] - len(model.index)]
    return rows


def _known(
    model: OnlineModel,
    new_items: NewItems,
    histories: KnownItems,
    indexes: NDArray[np.int64],
    further: Sequence[Sequence[bytes]],
) -> list[NDArray[np.int64]]:
    """Per user the indexes of all known items that have a factor."""
    known = []
    for user, more in enumerate(further):
        user_items = indexes[histories.indptr[user] : histories.indptr[user + 1]]
        if more:
            user_items = np.array(_indexes(model, new_items, more), np.int64)
        known.append(user_items[user_items != UNKNOWN])
    return known


def _rank(
    model: OnlineModel,
    new_items: NewItems,
    vectors: NDArray[np.float32],
    known: Sequence[NDArray[np.int64]],
    n: int,
) -> _Lists:
    """The n best of all items with a factor, for each user, without the known ones."""
    size = len(model.index)
    best = _best(vectors, model.factors, [indexes[indexes < size] for indexes in known], n, model.fitted)
    if new_items.index:
        fresh = _best(
            vectors, new_items.factors, [indexes[indexes >= size] - size for indexes in known], n, None
        )
        scores = np.hstack([best.scores, fresh.scores])
        indexes = np.hstack([best.indexes, np.where(fresh.indexes < 0, -1, fresh.indexes + size)])
        order = np.argsort(-scores, axis=1, kind="stable")[:, :n]
        best = _Lists(np.take_along_axis(indexes, order, 1), np.take_along_axis(scores, order, 1))
    # Without a taste there is nothing to rank by: no list, so the next strategy answers.
    best.indexes[~vectors.any(axis=1)] = -1
    return best


def _best(
    vectors: NDArray[np.float32],
    factors: NDArray[np.float32],
    known: Sequence[NDArray[np.int64]],
    n: int,
    mask: NDArray[np.bool_] | None,
) -> _Lists:
    indptr = np.concatenate([[0], np.cumsum([len(indexes) for indexes in known])]).astype(np.int64)
    return _Lists(*top_n(vectors, factors, indptr, np.concatenate(known).astype(np.int32), n, mask))


def _touches(
    model: OnlineModel,
    users: Sequence[str],
    histories: KnownItems,
    indexes: NDArray[np.int64],
    vectors: NDArray[np.float32],
) -> Iterator[Touch]:
    """The newest interactions with items that the model has not seen, of users who have a taste."""
    unseen = (indexes == UNKNOWN) | (indexes >= len(model.index))
    for user in np.flatnonzero(vectors.any(axis=1)).tolist():
        start, stop = histories.indptr[user], histories.indptr[user + 1]
        places = start + np.flatnonzero(unseen[start:stop])
        for place in places[np.argsort(-histories.times[places], kind="stable")][:_MAX_TOUCHES]:
            yield Touch(histories.items[place], users[user], float(histories.strengths[place]), vectors[user])


def _write(
    client: StateClient,
    users: Sequence[str],
    reading: _Reading,
    lists: _Lists,
    offsets: Mapping[int, int],
    settings: StreamingSettings,
) -> None:
    script, shards = client.register_script(lua(__package__, "write_fresh.lua")), settings.redis_shards
    with client.pipeline(transaction=False) as pipeline:
        for shard, places in _by_shard(users, shards):
            keys = [keyspace.pending(shard), keyspace.active(shard)]
            arguments: list[bytes | str | int] = [settings.fresh_ttl_seconds]
            for place in places:
                user, is_ranked = users[place], lists.indexes[place] >= 0
                fresh = FreshList(
                    version=reading.version or "",
                    read_at=reading.read_at,
                    offsets=offsets,
                    indexes=tuple(lists.indexes[place][is_ranked].tolist()),
                    scores=tuple(lists.scores[place][is_ranked].tolist()),
                )
                keys += (keyspace.fresh(user, shards), keyspace.history(user, shards))
                arguments += (encode_fresh(fresh), user)
            script(keys=keys, args=arguments, client=pipeline)
        pipeline.execute()
