"""Writes a version's lists to Redis from the executors, and verifies how many arrived."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame

from contracts import keyspace
from contracts.records import encode_ranked, encode_ranked_ids
from training.publish import Publisher, write_fields

KeyOf = Callable[[str], str]
Encode = Callable[[list[Any], list[float]], bytes]
ArrowMap = Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]
_COUNT_DDL = "written BIGINT"


def write_top_n(publisher: Publisher, version: str, lists: DataFrame) -> None:
    """Lists (user_id, columns, scores) of item indexes to the users' shards."""
    shards = publisher.shards

    def key_of(user_id: str) -> str:
        return keyspace.top_n(keyspace.shard_of(user_id, shards), version)

    keys = [keyspace.top_n(shard, version) for shard in range(shards)]
    _write(publisher, lists.select("user_id", "columns", "scores"), key_of, encode_ranked, keys)


def write_similar(publisher: Publisher, version: str, lists: DataFrame) -> None:
    """Lists (item_id, columns, scores) of item indexes."""
    key = keyspace.similar_items(version)
    _write(publisher, lists.select("item_id", "columns", "scores"), lambda _: key, encode_ranked, [key])


def write_top_users(publisher: Publisher, version: str, lists: DataFrame) -> None:
    """Lists (item_id, user_ids, scores)."""
    key = keyspace.top_users(version)
    _write(publisher, lists.select("item_id", "user_ids", "scores"), lambda _: key, encode_ranked_ids, [key])


def _write(publisher: Publisher, lists: DataFrame, key_of: KeyOf, encode: Encode, keys: list[str]) -> None:
    counts = lists.mapInArrow(_list_writer(publisher.url, key_of, encode), _COUNT_DDL).collect()
    publisher.verify(keys, written=sum(row.written for row in counts))


def _list_writer(url: str, key_of: KeyOf, encode: Encode) -> ArrowMap:
    def write(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            owners, ranked, scores = (column.to_pylist() for column in batch.columns)
            by_key: dict[str, dict[str, bytes]] = defaultdict(dict)
            for owner, its_ranked, its_scores in zip(owners, ranked, scores, strict=True):
                by_key[key_of(owner)][owner] = encode(its_ranked, its_scores)
            for key, fields in by_key.items():
                write_fields(url, key, fields)
            yield pa.RecordBatch.from_arrays([pa.array([len(owners)], pa.int64())], names=["written"])

    return write
