"""Folds users in from their whole histories, and writes their fresh lists. Called on the executors.

A list says by which model it was made and when its history was read. So a reader never mixes models, and of
two lists the one with the later reading stays.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from algorithms.blending.live import Sums
from algorithms.fold_in import UNKNOWN
from contracts.settings import StreamingSettings
from contracts.stored import keyspace
from contracts.stored.records import FreshList, encode_fresh
from streaming.fold_in.by_blend import Arrivals, rank_by_blend
from streaming.fold_in.by_factors import RankedLists, item_places, known_places, rank_by_factors, user_factors
from streaming.fold_in.cooling import next_due
from streaming.fold_in.counters import Counters
from streaming.fold_in.histories import KnownItems, read_histories
from streaming.fold_in.model import OnlineModel, OnlineModels
from streaming.fold_in.new_items import NewItems, Touch, learn_new_items, read_new_items
from streaming.fold_in.reading import Reading, read_users
from streaming.runtime.hold_points import LISTS_WRITTEN, hold
from streaming.state.client import StateClient
from streaming.state.script import lua

_BLOCK_USERS = 128  # users who are folded in between two looks at the clock, by three round trips to Redis
_CALL_USERS = 16  # users of one call of a script, during which Redis answers nobody else
_MAX_TOUCHES = 20  # interactions with items unknown to the model that a fold-in of a user takes: the newest

_models = OnlineModels()
_counters = Counters()


def fold_in_users(
    client: StateClient,
    users: Sequence[str],
    offsets: Mapping[int, int],
    settings: StreamingSettings,
    deadline: float = float("inf"),
    *,
    just_arrived: bool = True,
) -> list[str]:
    """Fold the users in, in blocks, until ``deadline`` (monotonic seconds).

    ``offsets`` (partition -> next offset) are those that the histories certainly contain. ``just_arrived``:
    an event of each user has arrived now; else the queues in Redis say when the last one did. Returns the
    users who are left when the time is up; none where there is no model.
    """
    new_items = NewItems()
    for start in range(0, len(users), _BLOCK_USERS):
        if time.monotonic() >= deadline:
            return list(users[start:])
        block = users[start : start + _BLOCK_USERS]
        reading = read_users(client, block, settings, just_arrived)
        model = _models.of(client, reading.version)
        if model is None:
            _mark_active(client, users, reading, settings)
            return []
        new_items = read_new_items(client, model, new_items)
        sums = _counters.sums(client, model, new_items, settings)
        _fold_in_block(client, block, offsets, settings, reading, model, new_items, sums)
    return []


def _fold_in_block(
    client: StateClient,
    users: Sequence[str],
    offsets: Mapping[int, int],
    settings: StreamingSettings,
    reading: Reading,
    model: OnlineModel,
    new_items: NewItems,
    sums: Sums | None,
) -> None:
    histories = read_histories(reading.histories, model.strengths, reading.earlier)
    indexes = item_places(model, new_items, histories.items)
    known = known_places(model, new_items, histories, indexes, reading.further)
    unseen = (indexes == UNKNOWN) | (indexes >= len(model.index))
    learns = bool(settings.new_item_min_users and unseen.any())
    vectors, hotness = None, None
    if model.blend is None or learns:
        vectors = user_factors(model, new_items, histories, indexes, settings)
    if model.blend is None:
        assert vectors is not None
        lists = rank_by_factors(model, new_items, vectors, known, settings.fresh_n)
    else:
        since = reading.read_at // 1000 - np.array(reading.arrivals, np.int64)
        arrivals = Arrivals(since, reading.newest_event)
        lists, hotness = rank_by_blend(
            model.blend, model, new_items, histories, indexes, known, arrivals, settings.fresh_n, sums
        )
    blend, made = model.blend.blend if model.blend else None, reading.read_at // 1000
    due = [next_due(blend, arrived, made, settings.fresh_ttl_seconds) for arrived in reading.arrivals]
    _write(client, users, reading, lists, hotness, due, offsets, settings)
    hold(LISTS_WRITTEN)
    if learns and vectors is not None:
        touches = _touches(users, histories, unseen, vectors)
        learn_new_items(client, model, touches, settings.new_item_min_users)


def model_of(client: StateClient, version: str | None) -> OnlineModel | None:
    """This process's copy of a version's model; None where users cannot be folded in to it."""
    return _models.of(client, version)


def served_model(client: StateClient) -> OnlineModel | None:
    """This process's copy of the served version's model; None as in `model_of`."""
    pointer = cast("bytes | None", client.get(keyspace.CURRENT_MODEL))
    return model_of(client, pointer.decode() if pointer else None)


def queue_users(client: StateClient, users: Sequence[str], settings: StreamingSettings) -> None:
    """Queue users who have just been active, to be folded in later."""
    seconds, micros = client.time()
    with client.pipeline(transaction=False) as pipeline:
        for user in users:
            shard = keyspace.shard_of(user, settings.redis_shards)
            pipeline.zadd(keyspace.pending(shard), {user: 1000 * seconds + micros // 1000})
        pipeline.execute()


def _mark_active(
    client: StateClient, users: Sequence[str], reading: Reading, settings: StreamingSettings
) -> None:
    with client.pipeline(transaction=False) as pipeline:
        for user in users:
            shard = keyspace.shard_of(user, settings.redis_shards)
            pipeline.zadd(keyspace.active(shard), {user: reading.read_at // 1000})
        pipeline.execute()


def _by_shard(users: Sequence[str], shards: int) -> Iterator[tuple[int, list[int]]]:
    """The users' places by shard, in parts of as many as one call of a script may take."""
    places: dict[int, list[int]] = defaultdict(list)
    for place, user in enumerate(users):
        places[keyspace.shard_of(user, shards)].append(place)
    for shard, of_shard in places.items():
        for start in range(0, len(of_shard), _CALL_USERS):
            yield shard, of_shard[start : start + _CALL_USERS]


def _touches(
    users: Sequence[str],
    histories: KnownItems,
    unseen: NDArray[np.bool_],
    vectors: NDArray[np.float32],
) -> Iterator[Touch]:
    """The newest interactions with items unknown to the model, of users whose factors are not zero."""
    for user in np.flatnonzero(vectors.any(axis=1)).tolist():
        start, stop = histories.indptr[user], histories.indptr[user + 1]
        places = start + np.flatnonzero(unseen[start:stop])
        for place in places[np.argsort(-histories.times[places], kind="stable")][:_MAX_TOUCHES]:
            yield Touch(histories.items[place], users[user], float(histories.strengths[place]), vectors[user])


def _write(
    client: StateClient,
    users: Sequence[str],
    reading: Reading,
    lists: RankedLists,
    hotness: NDArray[np.float64] | None,
    due: Sequence[int],
    offsets: Mapping[int, int],
    settings: StreamingSettings,
) -> None:
    script, shards = client.register_script(lua(__package__, "write_fresh.lua")), settings.redis_shards
    with client.pipeline(transaction=False) as pipeline:
        for shard, places in _by_shard(users, shards):
            keys = [keyspace.pending(shard), keyspace.active(shard), keyspace.cooling(shard)]
            arguments: list[bytes | str | int] = [settings.fresh_ttl_seconds]
            for place in places:
                user, is_ranked = users[place], lists.indexes[place] >= 0
                fresh = FreshList(
                    version=reading.version or "",
                    read_at=reading.read_at,
                    offsets=offsets,
                    indexes=tuple(lists.indexes[place][is_ranked].tolist()),
                    scores=tuple(lists.scores[place][is_ranked].tolist()),
                    hotness=None if hotness is None else float(hotness[place]),
                )
                keys += (keyspace.fresh(user, shards), keyspace.history(user, shards))
                arguments += (encode_fresh(fresh), user, reading.arrivals[place], due[place])
            script(keys=keys, args=arguments, client=pipeline)
        pipeline.execute()
