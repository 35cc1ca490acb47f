"""Writes the lists of a version's items to Redis from the executors, and verifies how many arrived."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame

from contracts.stored import keyspace
from contracts.stored.records import encode_ranked, encode_ranked_ids
from training.registry.publish import Publisher, write_fields

Encode = Callable[[list[Any], list[float]], bytes]
ArrowMap = Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]
_COUNT_DDL = "written BIGINT"


def write_similar(publisher: Publisher, version: str, lists: DataFrame) -> None:
    """Write lists (item_id, columns, scores) of item indexes."""
    rows = lists.select("item_id", "columns", "scores")
    _write(publisher, rows, keyspace.similar_items(version), encode_ranked)


def write_top_users(publisher: Publisher, version: str, lists: DataFrame) -> None:
    """Write lists (item_id, user_ids, scores)."""
    rows = lists.select("item_id", "user_ids", "scores")
    _write(publisher, rows, keyspace.top_users(version), encode_ranked_ids)


def write_segments(publisher: Publisher, version: str, lists: DataFrame) -> None:
    """Write lists (segment, columns, scores) of item indexes."""
    rows = lists.select("segment", "columns", "scores")
    _write(publisher, rows, keyspace.segment_lists(version), encode_ranked)


def _write(publisher: Publisher, lists: DataFrame, key: str, encode: Encode) -> None:
    counts = lists.mapInArrow(_list_writer(publisher.url, key, encode), _COUNT_DDL).collect()
    publisher.verify([key], written=sum(row.written for row in counts))


def _list_writer(url: str, key: str, encode: Encode) -> ArrowMap:
    def write(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            owners, ranked, scores = (column.to_pylist() for column in batch.columns)
            write_fields(url, key, dict(zip(owners, map(encode, ranked, scores), strict=True)))
            yield pa.RecordBatch.from_arrays([pa.array([len(owners)], pa.int64())], names=["written"])

    return write
