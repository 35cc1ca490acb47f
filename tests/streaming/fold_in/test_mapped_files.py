from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import redis

from algorithms.signals.rows import Rows
from contracts.stored import keyspace
from contracts.stored.signal_arrays import SignalArraysError
from streaming.fold_in.mapped_files import map_factors, map_signals
from tests.streaming.model_in_redis import publish, publish_with_blend

ITEMS = [f"i{n}" for n in range(20)]


@pytest.fixture(autouse=True)
def no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as connection:
        connection.flushall()
        yield connection


def test_arrays_are_read_once_for_a_version_and_stay_in_half_precision(client: redis.Redis) -> None:
    blend = publish_with_blend(client, "v1", ITEMS)
    map_signals(client, "v1", "v1-x", blend.record, len(ITEMS))
    client.flushall()
    arrays = map_signals(client, "v1", "v1-x", blend.record, len(ITEMS))
    assert arrays.rows.keys() == blend.arrays.rows.keys()
    for name, rows in arrays.rows.items():
        stored: Rows = blend.arrays.rows[name]
        assert (rows.values.dtype, rows.columns.dtype, rows.scale) == (np.float16, np.int32, stored.scale)
        assert np.array_equal(rows.indptr, stored.indptr)
        assert np.array_equal(rows.columns, stored.columns)
        assert np.array_equal(rows.values, stored.values)
        assert isinstance(rows.values.base, np.memmap)
    for name, vector in blend.arrays.vectors.items():
        assert np.array_equal(arrays.vectors[name], vector)


def test_files_of_other_versions_are_deleted(client: redis.Redis, no_files: Path) -> None:
    for version in ("v1", "v2"):
        blend = publish_with_blend(client, version, ITEMS)
        map_factors(client, version, f"{version}-x", (len(ITEMS), 3))
        map_signals(client, version, f"{version}-x", blend.record, len(ITEMS))
    files = [path.name for folder in no_files.iterdir() for path in folder.iterdir()]
    assert len(files) == 2
    assert all(name.startswith("v2-x") for name in files)


def test_files_that_another_stack_is_deleting_are_written_again(client: redis.Redis, no_files: Path) -> None:
    blend = publish_with_blend(client, "v1", ITEMS)
    factors = map_factors(client, "v1", "v1-x", (len(ITEMS), 3))
    arrays = map_signals(client, "v1", "v1-x", blend.record, len(ITEMS))
    for file in [path for folder in no_files.iterdir() for path in folder.iterdir()]:
        if file.is_dir():
            next(file.glob("*.npy")).unlink()
        else:
            file.unlink()
    again = map_signals(client, "v1", "v1-x", blend.record, len(ITEMS))
    for name, rows in arrays.rows.items():
        assert np.array_equal(again.rows[name].values, rows.values)
    assert np.array_equal(map_factors(client, "v1", "v1-x", (len(ITEMS), 3)), factors)


@pytest.mark.parametrize("raw", [None, b"damaged"])
def test_missing_and_damaged_arrays_raise_an_error_and_leave_no_file(
    client: redis.Redis, no_files: Path, raw: bytes | None
) -> None:
    blend = publish_with_blend(client, "v1", ITEMS)
    field = next(iter(blend.arrays.rows)) + ":0"
    client.hdel(keyspace.model_signals("v1"), field)
    if raw is not None:
        client.hset(keyspace.model_signals("v1"), field, raw)
    with pytest.raises(SignalArraysError, match=field):
        map_signals(client, "v1", "v1-x", blend.record, len(ITEMS))
    assert [path for folder in no_files.iterdir() for path in folder.iterdir()] == []


def test_a_model_without_arrays_needs_no_field_in_redis(client: redis.Redis) -> None:
    record = publish_with_blend(client, "v1", ITEMS).record
    factors_only = record.model_copy(
        update={"hot": {"factors": 1.0}, "cold": {}, "signals": {"factors": record.signals["factors"]}}
    )
    publish(client, "v1", ITEMS, blend=factors_only)
    assert map_signals(client, "v1", "v1-y", factors_only, len(ITEMS)) == ({}, {})
