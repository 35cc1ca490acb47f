"""Ranks the lists of a version in blocks, in one process, and writes each block to Redis."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from algorithms.neighbours.index import LARGE, NeighbourIndex
from algorithms.neighbours.product_scan import FactorLists
from algorithms.parallel import parallel_map
from contracts.stored import keyspace
from contracts.stored.manifest import ListCounts
from contracts.stored.records import encode_ranked, encode_ranked_ids
from contracts.stored.segments import segments_of
from training.fit.factors import Matrix
from training.in_memory.als import FittedFactors, row_bounds
from training.in_memory.load import RoundArrays
from training.lists.alike import Alike
from training.lists.items import SIMILAR_ITEMS, TOP_USERS
from training.lists.ranked_lists import RankedRows
from training.lists.users import ReusedLists, list_writer
from training.registry.publish import Publisher, write_fields

_BLOCK = 1024  # rows that are ranked, encoded and written together


def write_user_lists(
    publisher: Publisher,
    version: str,
    data: RoundArrays,
    factors: FittedFactors,
    n: int,
    reused: ReusedLists | None,
) -> ListCounts:
    """Write each user's best items without the known ones. Raises IncompletePublishError."""
    known_indptr = row_bounds(data.pairs.users, data.counts.users)
    write = list_writer(publisher, version, reused)
    counts, lists = np.zeros(2, np.int64), FactorLists(factors.items)

    def rank(block: slice) -> RankedRows:
        return _rank_block(factors.users, lists, known_indptr, data.pairs.items, n, block)

    blocks = _blocks(len(factors.users))
    for block, ranked in zip(blocks, parallel_map(rank, blocks), strict=True):
        found = write(pa.table({"user_id": data.user_ids[block]}), ranked)
        counts += [found["written"][0].as_py(), found["kept"][0].as_py()]
    written = ListCounts(written=int(counts[0]), kept=int(counts[1]))
    keys = [keyspace.top_n(shard, version) for shard in range(publisher.shards)]
    publisher.verify(keys, written=written.written + written.kept)
    return written


def write_similar_items(publisher: Publisher, version: str, data: RoundArrays, items: Matrix) -> None:
    """Write each item's nearest other items, by the cosine of their factors.

    Items with the same factors, such as those that one user alone touched, share one search. Of more than
    LARGE different factors an index finds them, which misses a few.
    """
    lengths = np.linalg.norm(items, axis=1, keepdims=True)
    alike = Alike.of((items / np.where(lengths > 0, lengths, 1)).astype(np.float32))
    distinct, key, written = alike.distinct, keyspace.similar_items(version), 0
    index = NeighbourIndex(distinct, os.cpu_count() or 1) if len(distinct) > LARGE else None
    lists, itself = FactorLists(distinct), np.arange(len(distinct), dtype=np.int32)
    indptr = np.arange(len(distinct) + 1, dtype=np.int64)

    def nearest(block: slice) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        if index is not None:
            return index.nearest(distinct[block], itself[block], SIMILAR_ITEMS)
        ranked = _rank_block(distinct, lists, indptr, itself, SIMILAR_ITEMS, block)
        return ranked.columns, ranked.scores

    ids, blocks, fields = data.item_ids.to_pylist(), _blocks(len(distinct)), dict[str, bytes]()
    # The index has threads of its own, which a forked process would not have.
    found = parallel_map(nearest, blocks) if index is None else map(nearest, blocks)
    for block, (columns, scores) in zip(blocks, found, strict=True):
        for group, others, cosines in zip(range(block.start, block.stop), columns, scores, strict=True):
            for item, ranked, near in alike.lists(group, others, cosines, SIMILAR_ITEMS):
                fields[ids[item]] = encode_ranked(ranked, near)
                if len(fields) == _BLOCK:
                    written += _write(publisher, key, fields)
    publisher.verify([key], written=written + _write(publisher, key, fields))


def _write(publisher: Publisher, key: str, fields: dict[str, bytes]) -> int:
    """Write and empty the fields; returns how many there were."""
    count = len(fields)
    write_fields(publisher.url, key, fields)
    fields.clear()
    return count


def write_top_users(publisher: Publisher, version: str, data: RoundArrays, factors: FittedFactors) -> None:
    """Write for each item the users who would like it most and do not know it yet."""
    order = np.argsort(data.pairs.items, kind="stable")
    known_indptr, known = row_bounds(data.pairs.items, data.counts.items), data.pairs.users[order]
    key, written, lists = keyspace.top_users(version), 0, FactorLists(factors.users)

    def rank(block: slice) -> RankedRows:
        return _rank_block(factors.items, lists, known_indptr, known, TOP_USERS, block)

    user_ids, blocks = data.user_ids.to_pylist(), _blocks(len(factors.items))
    for block, ranked in zip(blocks, parallel_map(rank, blocks), strict=True):
        item_ids, fields = data.item_ids[block].to_pylist(), {}
        for row in _rows(ranked):
            users, scores = _ranked_row(ranked, row)
            fields[item_ids[row]] = encode_ranked_ids([user_ids[user] for user in users], scores)
        write_fields(publisher.url, key, fields)
        written += len(fields)
    publisher.verify([key], written=written)


def write_segment_lists(
    publisher: Publisher,
    version: str,
    data: RoundArrays,
    attributes: Sequence[tuple[str, str | None]],
    names: tuple[str, ...],
    n: int,
    least: int,
) -> None:
    """Write for each segment the items that most of its users like, if at least ``least`` users do.

    ``attributes`` are (user_id, metadata as JSON); ``names`` are the attributes that make segments.
    """
    place = {user: index for index, user in enumerate(data.user_ids.to_pylist())}
    members: dict[str, list[int]] = {}
    for user, text in attributes:
        if user in place:
            for segment in segments_of(json.loads(text or "{}"), names):
                members.setdefault(segment, []).append(place[user])
    liked = data.pairs.where(data.pairs.positive)
    indptr = row_bounds(liked.users, data.counts.users)
    fields = {}
    for segment, users in members.items():
        items = np.concatenate([liked.items[indptr[user] : indptr[user + 1]] for user in users])
        counts = np.bincount(items, minlength=data.counts.items)
        best = np.argsort(-counts, kind="stable")[:n]
        best = best[counts[best] >= least]
        if len(best):
            fields[segment] = encode_ranked(best.tolist(), counts[best].astype(float).tolist())
    key = keyspace.segment_lists(version)
    write_fields(publisher.url, key, fields)
    publisher.verify([key], written=len(fields))


def _rank_block(
    rows: Matrix,
    lists: FactorLists,
    known_indptr: NDArray[np.int64],
    known: NDArray[np.int32],
    n: int,
    block: slice,
) -> RankedRows:
    """The lists of a block of rows; a row of zeros gets no list, and a column of zeros is in none."""
    bounds = known_indptr[block.start : block.stop + 1]
    known, bounds = known[bounds[0] : bounds[-1]], bounds - bounds[0]
    columns, scores = lists.best(rows[block], bounds, known, n)
    return RankedRows(columns, scores, rows[block], bounds, known, lists.factors)


def _rows(ranked: RankedRows) -> list[int]:
    """The rows that have a list."""
    rows: list[int] = np.flatnonzero((ranked.columns >= 0).any(axis=1)).tolist()
    return rows


def _ranked_row(ranked: RankedRows, row: int) -> tuple[list[int], list[float]]:
    there = ranked.columns[row] >= 0
    return ranked.columns[row][there].tolist(), ranked.scores[row][there].tolist()


def _blocks(size: int) -> list[slice]:
    return [slice(start, min(start + _BLOCK, size)) for start in range(0, size, _BLOCK)]
