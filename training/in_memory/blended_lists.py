"""Ranks all users' lists by a blend, in blocks, and writes each block to Redis.

A list of a version is read hours or days after the last event of its user, so it is ranked by the cold
weights; right after an event, the online query writes a fresh list by the hot ones.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from algorithms.blending.blend import Blend
from algorithms.blending.serialization import ServedBlend
from algorithms.parallel import parallel_map
from contracts.settings import TrainingSettings
from contracts.stored import keyspace
from contracts.stored.manifest import ListCounts
from training.in_memory.load import RoundArrays
from training.in_memory.signals import event_histories
from training.lists.ranked_lists import RankedRows
from training.lists.users import list_writer
from training.registry.publish import Publisher

_BLOCK = 1024  # users whose lists are ranked, encoded and written together
_NONE = np.empty((0, 0), np.float32)


def write_blended_lists(
    publisher: Publisher, version: str, data: RoundArrays, served: ServedBlend, settings: TrainingSettings
) -> ListCounts:
    """Write each user's best items by the cold weights. Raises IncompletePublishError."""
    write, written = list_writer(publisher, version, None), 0
    for start, columns, scores in ranked_blocks(data, served, settings):
        # Only lists that may be reused need factors and known items; lists of a blend are never reused.
        ranked = RankedRows(columns, scores, _NONE, np.empty(0, np.int64), np.empty(0, np.int32), _NONE)
        users = data.user_ids[start : start + len(columns)]
        written += write(pa.table({"user_id": users}), ranked)["written"][0].as_py()
    keys = [keyspace.top_n(shard, version) for shard in range(publisher.shards)]
    publisher.verify(keys, written=written)
    return ListCounts(written=written, kept=0)


def ranked_blocks(
    data: RoundArrays, served: ServedBlend, settings: TrainingSettings
) -> Iterator[tuple[int, NDArray[np.int32], NDArray[np.float32]]]:
    """(first user, items, scores) of blocks of users, as `Blend.rank` gives them."""
    users, cold = data.counts.users, served.blend.cold
    blend = Blend(cold, cold, served.blend.with_known_items)
    histories = event_histories(data, settings)
    newest = int(data.pairs.event_times.max(initial=0))
    histories = histories.asked_at(np.full(users, newest, np.int64))  # trends are those at the lake's end

    def rank(start: int) -> tuple[int, NDArray[np.int32], NDArray[np.float32]]:
        block = histories.rows(start, min(start + _BLOCK, users))
        return start, *blend.rank(served.signals, block, settings.top_n)

    yield from parallel_map(rank, range(0, users, _BLOCK))
