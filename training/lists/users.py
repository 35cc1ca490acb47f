"""Ranks all users' lists on the executors and writes them to Redis; a warm round writes only what changed.

A reused list is copied within Redis from the previous version, with its scores. So every version is complete,
and readers cannot see which lists were copied (docs/decisions/0009-kept-lists.md).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from algorithms.list_drift import still_good
from contracts.stored import keyspace
from contracts.stored.manifest import ListCounts
from contracts.stored.records import RANKED_SIZE, encode_ranked
from training.fit.factors import Matrix
from training.lists.ranked_lists import Emit, RankedRows, rank_rows
from training.registry.model_folder import ModelFrames
from training.registry.publish import Publisher, copy_fields, read_fields, write_fields

_COUNTS_DDL = "written BIGINT, kept BIGINT"


class ReusedLists(NamedTuple):
    """The version whose lists may be reused, and how much worse than new lists they may be."""

    version: str
    tolerance: float


def write_user_lists(
    publisher: Publisher,
    version: str,
    fit: ModelFrames,
    preferences: DataFrame,
    item_matrix: Matrix,
    n: int,
    reused: ReusedLists | None,
) -> ListCounts:
    """Write each user's best items without the known ones. Raises IncompletePublishError."""
    users = fit.user_factors.join(fit.users, F.col("id") == F.col("user_index"))
    rows = users.select(F.col("id").alias("row"), "features", "user_id")
    known = preferences.select(F.col("user_index").alias("row"), F.col("item_index").alias("column"))
    emit = list_writer(publisher, version, reused)
    counts = rank_rows(rows, known, item_matrix, n, emit, _COUNTS_DDL).collect()
    found = ListCounts(written=sum(row.written for row in counts), kept=sum(row.kept for row in counts))
    keys = [keyspace.top_n(shard, version) for shard in range(publisher.shards)]
    publisher.verify(keys, written=found.written + found.kept)
    return found


def list_writer(publisher: Publisher, version: str, reused: ReusedLists | None) -> Emit:
    """Encodes and writes the lists of rows, or reuses earlier ones. Reports how many of each.

    Rows are (user_id); lists that a blend made have a hotness as well.
    """
    url, shards = publisher.url, publisher.shards

    def write(rows: pa.Table, ranked: RankedRows) -> pa.Table:
        owners = np.array(rows["user_id"].to_pylist(), dtype=object)
        shards_of_rows = np.array([keyspace.shard_of(owner, shards) for owner in owners], np.int64)
        made_by_blend = "hotness" in rows.column_names
        hotness = rows["hotness"].to_numpy() if made_by_blend else np.zeros(len(owners))
        has_list = (ranked.columns >= 0).any(axis=1)
        counts = [0, 0]
        for shard in np.unique(shards_of_rows[has_list]).tolist():
            places = np.flatnonzero((shards_of_rows == shard) & has_list)
            key, stay = keyspace.top_n(shard, version), np.zeros(len(places), np.bool_)
            if reused:
                before = keyspace.top_n(shard, reused.version)
                old = read_fields(url, before, owners[places].tolist())
                stay = still_good_lists(old, ranked.select(places), reused.tolerance)
                counts[1] += copy_fields(url, before, key, owners[places[stay]].tolist())
            changed = places[~stay]
            write_fields(url, key, {owners[row]: _encode(ranked, row, hotness[row]) for row in changed})
            counts[0] += len(changed)
        return pa.table({"written": [counts[0]], "kept": [counts[1]]})

    return write


def still_good_lists(old: list[bytes | None], ranked: RankedRows, tolerance: float) -> NDArray[np.bool_]:
    """`still_good` for lists in Redis. A missing list, or one of another length, is not good."""
    n = ranked.columns.shape[1]
    lists = np.full((len(old), n), -1, np.int32)
    for row, raw in enumerate(old):
        size = len(raw or b"") // RANKED_SIZE
        if raw and size <= n:
            lists[row, :size] = np.frombuffer(raw, "<u4", count=size)
    lists[(lists >= len(ranked.others)).any(axis=1)] = -1
    scores = np.where(ranked.columns >= 0, ranked.scores, -np.inf).astype(np.float32)
    return still_good(
        lists,
        scores,
        ranked.features,
        ranked.others,
        ranked.known_indptr,
        ranked.known,
        tolerance,
    )


def _encode(ranked: RankedRows, row: int, hotness: float) -> bytes:
    listed = ranked.columns[row] >= 0
    return encode_ranked(ranked.columns[row][listed].tolist(), ranked.scores[row][listed].tolist(), hotness)
