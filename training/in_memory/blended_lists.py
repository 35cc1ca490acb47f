"""Ranks all users' lists by a blend, in blocks, and writes each block to Redis.

A list is as hot as a fresh list that the online query would make at the same moment: by the time since its
user's last event arrived, and by how old it was then (docs/decisions/0015-two-horizons.md). So answers stay
as they are when the online query comes to a user after the version is published.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from algorithms.blending.serialization import ServedBlend
from algorithms.parallel import parallel_map
from contracts.settings import TrainingSettings
from contracts.stored import keyspace
from contracts.stored.manifest import ListCounts
from training.in_memory.load import RoundArrays
from training.in_memory.signals import event_histories
from training.lists.ranked_lists import RankedRows
from training.lists.users import list_writer
from training.registry.arrivals import hours_since_arrival
from training.registry.publish import Publisher

_HOUR_MS = 3_600_000
_BLOCK = 1024  # users whose lists are ranked, encoded and written together
_NONE = np.empty((0, 0), np.float32)


def write_blended_lists(
    publisher: Publisher, version: str, data: RoundArrays, served: ServedBlend, settings: TrainingSettings
) -> ListCounts:
    """Write each user's best items. Raises IncompletePublishError."""
    write, written = list_writer(publisher, version, None), 0
    hours = hours_since_arrival(publisher, data.user_ids.to_pylist())
    hotness = served.blend.hotness_after(hours, hours_behind(data, settings))
    for start, columns, scores in ranked_blocks(data, served, settings, hotness):
        # Only lists that may be reused need factors and known items; lists of a blend are never reused.
        ranked = RankedRows(columns, scores, _NONE, np.empty(0, np.int64), np.empty(0, np.int32), _NONE)
        rows = slice(start, start + len(columns))
        users = pa.table({"user_id": data.user_ids[rows], "hotness": hotness[rows]})
        written += write(users, ranked)["written"][0].as_py()
    keys = [keyspace.top_n(shard, version) for shard in range(publisher.shards)]
    publisher.verify(keys, written=written)
    return ListCounts(written=written, kept=0)


def hours_behind(data: RoundArrays, settings: TrainingSettings) -> NDArray[np.float64]:
    """(users): by how many hours each user's newest event is older than the newest one of all."""
    newest = event_histories(data, settings).now_ms
    return np.asarray((data.events.times.max(initial=0) - newest) / _HOUR_MS)


def ranked_blocks(
    data: RoundArrays, served: ServedBlend, settings: TrainingSettings, hotness: NDArray[np.float64]
) -> Iterator[tuple[int, NDArray[np.int32], NDArray[np.float32]]]:
    """(first user, items, scores) of blocks of users with these hotnesses, as `Blend.rank` gives them."""
    users = data.counts.users
    histories = event_histories(data, settings)
    newest = int(data.pairs.event_times.max(initial=0))
    histories = histories.asked_at(np.full(users, newest, np.int64))  # trends are those at the lake's end

    def rank(start: int) -> tuple[int, NDArray[np.int32], NDArray[np.float32]]:
        stop = min(start + _BLOCK, users)
        block = histories.rows(start, stop)
        return start, *served.blend.rank(served.signals, block, settings.top_n, hotness=hotness[start:stop])

    yield from parallel_map(rank, range(0, users, _BLOCK))
