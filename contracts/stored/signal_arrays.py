"""The form of a version's fitted signals in Redis (keyspace.model_signals): rows by item index, and vectors.

Rows are cut into parts of ITEMS_PER_PART items, so that no field grows without a bound. A part holds, after
its head, how many entries each row has (uint16), then all columns (uint32), then all values (float16, times
the scale): 6 bytes an entry. Everything is little-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from contracts.stored.parts import ITEMS_PER_PART

_HEAD = struct.Struct("<IId")  # rows, entries, scale
MAX_ROW = 2**16 - 1  # entries of one row


class SignalArraysError(ValueError):
    """Arrays that cannot be read: damaged, or of another version."""


class StoredRows(NamedTuple):
    """A sparse matrix (items, items) as CSR; an entry is ``values`` x ``scale``."""

    indptr: NDArray[np.int64]
    columns: NDArray[np.int32]
    values: NDArray[np.float16]
    scale: float


def encode_rows(name: str, rows: StoredRows) -> dict[str, bytes]:
    """The fields of a matrix, by their names. Raises ValueError for a row of more than MAX_ROW entries."""
    lengths = np.diff(rows.indptr)
    if len(lengths) and int(lengths.max()) > MAX_ROW:
        raise ValueError(f"a row of {name} has {int(lengths.max())} entries, more than {MAX_ROW}")
    fields = {}
    for part in range(_parts(len(lengths))):
        start, stop = part * ITEMS_PER_PART, min((part + 1) * ITEMS_PER_PART, len(lengths))
        first, last = int(rows.indptr[start]), int(rows.indptr[stop])
        fields[f"{name}:{part}"] = b"".join(
            (
                _HEAD.pack(stop - start, last - first, rows.scale),
                lengths[start:stop].astype("<u2").tobytes(),
                rows.columns[first:last].astype("<u4").tobytes(),
                rows.values[first:last].astype("<f2").tobytes(),
            )
        )
    return fields


def row_fields(name: str, items: int) -> list[str]:
    """The names of the fields of a matrix of that many items."""
    return [f"{name}:{part}" for part in range(_parts(items))]


def decode_rows(name: str, fields: Mapping[str, bytes | None], items: int) -> StoredRows:
    """The reverse of `encode_rows`. Raises SignalArraysError where a field is missing or damaged."""
    lengths, columns, values, scale = [], [], [], 1.0
    for field in row_fields(name, items):
        raw = fields.get(field)
        if raw is None or len(raw) < _HEAD.size:
            raise SignalArraysError(f"{field} is missing or damaged")
        rows, entries, scale = _HEAD.unpack_from(raw)
        if len(raw) != _HEAD.size + 2 * rows + 6 * entries:
            raise SignalArraysError(f"{field} has {len(raw)} bytes, not those of {entries} entries")
        at = _HEAD.size
        lengths.append(np.frombuffer(raw, "<u2", rows, at))
        columns.append(np.frombuffer(raw, "<u4", entries, at + 2 * rows))
        values.append(np.frombuffer(raw, "<f2", entries, at + 2 * rows + 4 * entries))
    counts = _join(lengths, np.int64)
    indptr = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
    found = StoredRows(indptr, _join(columns, np.int32), _join(values, np.float16), scale)
    if len(counts) != items or indptr[-1] != len(found.columns):
        raise SignalArraysError(f"{name} has rows of {len(counts)} items, not of {items}")
    if len(found.columns) and not 0 <= int(found.columns.min()) <= int(found.columns.max()) < items:
        raise SignalArraysError(f"{name} names items beyond the {items} of the model")
    return found


def encode_vector(vector: NDArray[np.floating[Any]]) -> bytes:
    """One number an item, as float32."""
    return np.asarray(vector, "<f4").tobytes()


def decode_vector(name: str, raw: bytes | None, items: int) -> NDArray[np.float32]:
    """The reverse of `encode_vector`. Raises SignalArraysError where it is missing or of another length."""
    if raw is None or len(raw) != 4 * items:
        raise SignalArraysError(f"{name} is missing, or not of {items} items")
    return np.frombuffer(raw, "<f4").astype(np.float32)


def _parts(items: int) -> int:
    return -(-items // ITEMS_PER_PART)


def _join(arrays: list[NDArray[Any]], kind: type[np.generic]) -> NDArray[Any]:
    return np.concatenate([np.empty(0, kind), *arrays]).astype(kind)
