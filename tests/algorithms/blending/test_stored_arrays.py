from __future__ import annotations

import numpy as np
import pytest

from algorithms.blending.serialization import Arrays, describe_signals
from algorithms.blending.signal_options import fit_offered
from algorithms.blending.stored_arrays import decode_arrays, encode_arrays, field_names
from contracts.stored.manifest import BlendRecord
from contracts.stored.signal_arrays import SignalArraysError
from tests.algorithms.signals.worlds import random_histories

ITEMS = 12


def _publish() -> tuple[BlendRecord, Arrays]:
    offered = fit_offered(random_histories(), ITEMS, only=("item_to_item/15", "transitions/4", "popularity"))
    signals, arrays = describe_signals(offered)
    record = BlendRecord(
        hot=dict.fromkeys(signals, 1.0),
        cold=dict.fromkeys(signals, 1.0),
        half_life_hours=8.0,
        signals=signals,
    )
    return record, arrays


def test_arrays_written_to_redis_are_read_back_unchanged() -> None:
    record, arrays = _publish()
    read = decode_arrays(record, dict(encode_arrays(arrays)), ITEMS)
    assert set(read.rows) == set(arrays.rows)
    assert set(read.vectors) == set(arrays.vectors)
    for name, rows in arrays.rows.items():
        assert read.rows[name].scale == rows.scale
        np.testing.assert_array_equal(read.rows[name].indptr, rows.indptr)
        np.testing.assert_array_equal(read.rows[name].columns, rows.columns)
        np.testing.assert_array_equal(read.rows[name].values, rows.values)
    for name, vector in arrays.vectors.items():
        np.testing.assert_array_equal(read.vectors[name], vector)


def test_a_stored_blend_is_read_back_unchanged() -> None:
    record, arrays = _publish()
    assert sorted(field_names(record, ITEMS)) == sorted(encode_arrays(arrays))


def test_a_field_that_is_missing_in_redis_is_an_error() -> None:
    record, arrays = _publish()
    fields = encode_arrays(arrays)
    for lost in fields:
        with pytest.raises(SignalArraysError, match="missing"):
            decode_arrays(record, {name: raw for name, raw in fields.items() if name != lost}, ITEMS)
