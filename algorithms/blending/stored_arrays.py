"""The arrays of a blend as fields of one Redis hash (contracts/stored/signal_arrays.py), and back."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from algorithms.blending.serialization import Arrays, stored_names
from algorithms.signals.rows import Rows
from contracts.stored.manifest import BlendRecord
from contracts.stored.signal_arrays import (
    StoredRows,
    decode_rows,
    decode_vector,
    encode_rows,
    encode_vector,
    row_fields,
)


def encode_arrays(arrays: Arrays) -> dict[str, bytes]:
    """Field -> bytes, for all arrays; the values of matrices take two bytes each (`Rows.half`)."""
    fields = {name: encode_vector(vector) for name, vector in arrays.vectors.items()}
    for name, rows in arrays.rows.items():
        half = rows.half()
        fields |= encode_rows(
            name, StoredRows(half.indptr, half.columns, half.values.astype(np.float16), half.scale)
        )
    return fields


def field_names(record: BlendRecord, items: int) -> list[str]:
    """The fields that `decode_arrays` reads, for a model of that many items."""
    needed = stored_names(record)
    parts = [field for name in needed.rows for field in row_fields(name, items)]
    return [*parts, *needed.vectors]


def decode_arrays(record: BlendRecord, fields: Mapping[str, bytes | None], items: int) -> Arrays:
    """The arrays of a blend's signals. Raises SignalArraysError where a field is missing or damaged."""
    needed = stored_names(record)
    rows = {}
    for name in needed.rows:
        stored = decode_rows(name, fields, items)
        rows[name] = Rows(stored.indptr, stored.columns, stored.values, stored.scale)
    return Arrays(rows, {name: decode_vector(name, fields.get(name), items) for name in needed.vectors})
