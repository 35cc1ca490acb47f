from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from contracts.stored import signal_arrays
from contracts.stored.signal_arrays import (
    SignalArraysError,
    StoredRows,
    decode_rows,
    decode_vector,
    encode_rows,
    encode_vector,
    row_fields,
)


@st.composite
def matrices(draw: st.DrawFn) -> StoredRows:
    lengths = draw(st.lists(st.integers(0, 4), min_size=1, max_size=12))
    entries = sum(lengths)
    values = draw(hnp.arrays(np.float16, entries, elements=st.floats(-100, 100, width=16)))
    columns = draw(hnp.arrays(np.int32, entries, elements=st.integers(0, len(lengths) - 1)))
    indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return StoredRows(indptr, columns, values, draw(st.sampled_from([1.0, 2.0**-9, 4.0])))


@given(matrices(), st.integers(1, 5))
def test_a_matrix_encoded_in_parts_of_any_size_is_decoded_unchanged(rows: StoredRows, part: int) -> None:
    items = len(rows.indptr) - 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signal_arrays, "ITEMS_PER_PART", part)
        fields = encode_rows("name", rows)
        assert list(fields) == row_fields("name", items)
        read = decode_rows("name", fields, items)
    assert read.scale == rows.scale
    for field in ("indptr", "columns", "values"):
        np.testing.assert_array_equal(getattr(read, field), getattr(rows, field))


def _small() -> tuple[StoredRows, dict[str, bytes]]:
    rows = StoredRows(np.array([0, 1, 2]), np.array([1, 0], np.int32), np.array([1, 2], np.float16), 1.0)
    return rows, encode_rows("m", rows)


def test_a_column_beyond_the_items_is_an_error() -> None:
    rows, _ = _small()
    beyond = encode_rows("m", rows._replace(columns=np.array([1, 2], np.int32)))
    with pytest.raises(SignalArraysError, match="beyond the 2 of the model"):
        decode_rows("m", beyond, 2)


def test_an_entry_takes_six_bytes() -> None:
    _, fields = _small()
    one_more = StoredRows(
        np.array([0, 1, 3]), np.array([1, 0, 1], np.int32), np.array([1, 2, 3], np.float16), 1.0
    )
    assert len(encode_rows("m", one_more)["m:0"]) - len(fields["m:0"]) == 6


@pytest.mark.parametrize("damage", [None, b"", b"short"])
def test_a_damaged_or_missing_part_is_refused(damage: bytes | None) -> None:
    with pytest.raises(SignalArraysError, match="m:0 is missing or damaged"):
        decode_rows("m", {"m:0": damage}, 2)


def test_a_truncated_part_is_refused() -> None:
    _, fields = _small()
    with pytest.raises(SignalArraysError, match="not those of 2 entries"):
        decode_rows("m", {"m:0": fields["m:0"][:-1]}, 2)


def test_a_matrix_with_another_number_of_items_is_refused() -> None:
    _, fields = _small()
    with pytest.raises(SignalArraysError, match="2 items, not of 3"):
        decode_rows("m", fields, 3)


def test_too_long_a_row_is_refused_before_it_is_written() -> None:
    count = signal_arrays.MAX_ROW + 1
    rows = StoredRows(np.array([0, count]), np.zeros(count, np.int32), np.zeros(count, np.float16), 1.0)
    with pytest.raises(ValueError, match="more than 65535"):
        encode_rows("m", rows)


def test_a_vector_is_decoded_unchanged_and_one_of_another_length_is_refused() -> None:
    vector = np.array([1.5, -2.0], np.float32)
    np.testing.assert_array_equal(decode_vector("v", encode_vector(vector), 2), vector)
    for raw in (None, b"abc"):
        with pytest.raises(SignalArraysError, match="v is missing, or not of 2 items"):
            decode_vector("v", raw, 2)
