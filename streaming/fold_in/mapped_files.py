"""Stores a version's arrays in local files that all workers map into memory, so that they share one copy."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, cast
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from algorithms.blending.serialization import Arrays, stored_names
from algorithms.blending.stored_arrays import decode_arrays, field_names
from algorithms.signals.rows import Rows
from contracts.stored import keyspace
from contracts.stored.manifest import BlendRecord
from streaming.state.client import StateClient

_FACTORS, _SIGNALS = ".f32", ".signals"


def map_factors(client: StateClient, version: str, name: str, shape: tuple[int, int]) -> NDArray[np.float32]:
    """The item factors (items, rank); ``name`` identifies the fit."""
    path, (items, rank) = _folder() / f"{name}{_FACTORS}", shape
    with suppress(FileNotFoundError):  # another stack's process may delete it at any moment
        if path.stat().st_size == 4 * items * rank:
            return np.memmap(path, "<f4", "r", shape=shape)
    written = path.with_suffix(f".{os.getpid()}")
    with written.open("wb") as file:
        for part in range(-(-items // keyspace.ITEMS_PER_PART)):
            raw = cast("bytes | None", client.hget(keyspace.model_factors(version), str(part)))
            file.write(raw or b"")
    mapped = np.memmap(written, "<f4", "r", shape=shape)
    written.replace(path)
    _forget_others(name)
    return mapped


def map_signals(client: StateClient, version: str, name: str, record: BlendRecord, items: int) -> Arrays:
    """The arrays that a blend scores with: rows with 6 bytes for each entry, vectors with 4 bytes for each
    item.

    Raises SignalArraysError where Redis lacks an array or holds a damaged one.
    """
    path = _folder() / f"{name}-{crc32(record.model_dump_json().encode()):08x}{_SIGNALS}"
    with suppress(FileNotFoundError):  # another stack's process may delete it at any moment
        return _map(record, path)
    names = field_names(record, items)
    found = cast("list[bytes | None]", client.hmget(keyspace.model_signals(version), names) if names else [])
    arrays = decode_arrays(record, dict(zip(names, found, strict=True)), items)
    written = path.with_suffix(f".{os.getpid()}")
    shutil.rmtree(written, ignore_errors=True)
    written.mkdir()
    _save(arrays, written)
    mapped = _map(record, written)
    with suppress(OSError):  # another worker was faster, and its files have the same content
        written.rename(path)
    shutil.rmtree(written, ignore_errors=True)
    _forget_others(name)
    return mapped


def _save(arrays: Arrays, folder: Path) -> None:
    """Name the files by number, in the order of the arrays' names, which may be invalid as file names."""
    for place, name in enumerate(sorted(arrays.rows)):
        rows = arrays.rows[name]
        np.save(folder / f"rows{place}.indptr.npy", rows.indptr)
        np.save(folder / f"rows{place}.columns.npy", rows.columns)
        np.save(folder / f"rows{place}.values.npy", rows.values)
        np.save(folder / f"rows{place}.scale.npy", np.array([rows.scale]))
    for place, name in enumerate(sorted(arrays.vectors)):
        np.save(folder / f"vector{place}.npy", arrays.vectors[name])


def _map(record: BlendRecord, folder: Path) -> Arrays:
    def map_file(file: str) -> NDArray[Any]:
        # A plain array over the mapped memory, because indexing an np.memmap is slower.
        return np.asarray(np.load(folder / f"{file}.npy", mmap_mode="r"))

    needed = stored_names(record)
    rows = {
        name: Rows(
            indptr=map_file(f"rows{place}.indptr"),
            columns=map_file(f"rows{place}.columns"),
            values=map_file(f"rows{place}.values"),
            scale=float(map_file(f"rows{place}.scale")[0]),
        )
        for place, name in enumerate(sorted(needed.rows))
    }
    vectors = {name: map_file(f"vector{place}") for place, name in enumerate(sorted(needed.vectors))}
    return Arrays(rows, vectors)


def _folder() -> Path:
    folder = Path(tempfile.gettempdir()) / f"headwater-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _forget_others(name: str) -> None:
    """Delete the files of other versions. A process that has mapped one can still use it."""
    for other in _folder().iterdir():
        if other.name.startswith(name):
            continue
        if other.suffix == _FACTORS:
            other.unlink(missing_ok=True)
        elif other.suffix == _SIGNALS:
            shutil.rmtree(other, ignore_errors=True)
