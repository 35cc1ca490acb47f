"""Redis keys as rows of a Parquet file, and back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

_SCAN_COUNT = 500
_ROWS = 10_000
SCHEMA = pa.schema(
    [
        ("key", pa.string()),
        ("kind", pa.string()),  # string, hash, list, zset
        ("field", pa.binary()),  # of a hash, the member of a zset; else empty
        ("value", pa.binary()),
        ("score", pa.float64()),  # of a zset
    ]
)


class Part(NamedTuple):
    """One field of a hash, one entry of a list, one member of a zset, or a whole string."""

    key: str
    kind: str
    field: bytes = b""
    value: bytes = b""
    score: float = 0.0


def parts_of(client: Any, key: str) -> Iterator[Part]:
    """The parts of a key's value, lists in their order; none where the key is absent.

    A field that changes meanwhile may come twice; the later one counts.
    """
    kind = client.type(key).decode()
    if kind == "string":
        yield Part(key, kind, value=client.get(key) or b"")
    elif kind == "hash":
        for field, value in client.hscan_iter(key, count=_SCAN_COUNT):
            yield Part(key, kind, field, value)
    elif kind == "list":
        for entry in client.lrange(key, 0, -1):
            yield Part(key, kind, value=entry)
    elif kind == "zset":
        for member, score in client.zscan_iter(key, count=_SCAN_COUNT):
            yield Part(key, kind, member, score=score)


def write_parts(path: Path, parts: Iterable[Part]) -> int:
    """Write the file in chunks. Returns the number of its rows."""
    rows, source = 0, iter(parts)
    with pq.ParquetWriter(path, SCHEMA, compression="zstd") as writer:
        while chunk := list(islice(source, _ROWS)):
            columns = [
                pa.array(column, kind)
                for column, kind in zip(zip(*chunk, strict=True), SCHEMA.types, strict=True)
            ]
            writer.write_table(pa.table(columns, schema=SCHEMA))
            rows += len(chunk)
    return rows


def read_parts(path: Path) -> Iterator[Part]:
    """The file's rows in their order; one chunk is in memory at a time."""
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(_ROWS):
            columns = [column.to_pylist() for column in batch.columns]
            for key, kind, field, value, score in zip(*columns, strict=True):
                yield Part(key=key, kind=kind, field=field, value=value, score=score)
