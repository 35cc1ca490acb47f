"""Reading a file of ratings, from its path to the last event in the order of time, against a bare loop.

The bare loop is Python's reader of the shape, our encoder and a sort in memory. It decides nothing: it knows
columns, scale and times, takes every line to be right and counts nothing.
"""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.context import BenchContext, Ratio, alternating, median_ratio
from ingest.files.rejected_lines import RejectedLines
from ingest.meaning.encoding import EventEncoder
from ingest.meaning.options import ReadingOptions
from ingest.sources.recognise import open_source

_ROUNDS, _RATINGS = 3, 1_000_000
_LINES = 500_000  # of the shapes that are lines of text with a separator of their own
_NAMES = ("user_id", "item_id", "rating", "timestamp")
Fields = tuple[str, str, str, str]


def run(context: BenchContext) -> list[Ratio]:
    """Events a second of each shape."""
    paths = _write_files(context.work_dir, int(_RATINGS * context.scale), int(_LINES * context.scale))
    readers: dict[str, Callable[[Path], Iterator[Fields]]] = {
        "CSV": _csv_fields,
        "JSON lines": _json_fields,
        "Parquet": _parquet_fields,
        "lines with ::": partial(_split_fields, "::", 0),
        "RecBole": partial(_split_fields, "\t", 1),
    }
    ratios = []
    for shape, (path, count) in paths.items():
        variants = [partial(_ours, path, count), partial(_bare, readers[shape], path)]
        ours, bare = alternating(variants, _ROUNDS)
        ratio = median_ratio(ours, bare)
        note = "Python's reader of the shape, our encoder, a sort in memory; nothing checked"
        ratios.append(Ratio(f"reading {shape}", median(ours), median(bare), ratio, "events/s", None, note))
    return ratios


def _write_files(folder: Path, count: int, lines: int) -> dict[str, tuple[Path, int]]:
    """By shape, the file and its number of ratings."""
    rng = np.random.default_rng(1)
    folder.mkdir(parents=True, exist_ok=True)
    table = pa.table(
        {
            "user_id": rng.integers(6_000, size=count),
            "item_id": rng.integers(4_000, size=count),
            "rating": rng.integers(1, 11, size=count) / 2,
            "timestamp": 1_260_759_144 + rng.integers(10**8, size=count),
        }
    )
    paths = {"CSV": folder / "r.csv", "JSON lines": folder / "r.jsonl", "Parquet": folder / "r.parquet"}
    pq.write_table(table, paths["Parquet"])
    rows = list(zip(*(column.to_pylist() for column in table.columns), strict=True))
    with paths["CSV"].open("w") as file:
        file.write(",".join(_NAMES) + "\n")
        file.writelines(",".join(map(str, row)) + "\n" for row in rows)
    with paths["JSON lines"].open("w") as file:
        file.writelines(json.dumps(dict(zip(_NAMES, row, strict=True))) + "\n" for row in rows)
    apart, recbole = folder / "ratings.dat", folder / "r.inter"
    with apart.open("w") as file:
        file.writelines("::".join(map(str, row)) + "\n" for row in rows[:lines])
    with recbole.open("w") as file:
        file.write("user_id:token\titem_id:token\trating:float\ttimestamp:float\n")
        file.writelines("\t".join(map(str, row)) + "\n" for row in rows[:lines])
    found = {shape: (path, count) for shape, path in paths.items()}
    return found | {"lines with ::": (apart, lines), "RecBole": (recbole, lines)}


def _ours(path: Path, count: int) -> float:
    started = time.perf_counter()
    source = open_source(path, ReadingOptions())
    sent = sum(1 for _ in source.events(RejectedLines(print)))
    source.close()
    if sent != count:
        raise RuntimeError(f"{sent} of {count} events")
    return count / (time.perf_counter() - started)


def _bare(fields: Callable[[Path], Iterator[Fields]], path: Path) -> float:
    started = time.perf_counter()
    encode = EventEncoder().encode
    events = sorted(
        encode(ordinal, user, item, value, int(moment) * 1000)
        for ordinal, (user, item, value, moment) in enumerate(fields(path))
    )
    return len(events) / (time.perf_counter() - started)


def _csv_fields(path: Path) -> Iterator[Fields]:
    with path.open(newline="") as file:
        lines = csv.reader(file)
        next(lines)
        yield from ((user, item, value, moment) for user, item, value, moment in lines)


def _json_fields(path: Path) -> Iterator[Fields]:
    with path.open() as file:
        for row in map(json.loads, file):
            yield str(row["user_id"]), str(row["item_id"]), str(row["rating"]), str(row["timestamp"])


def _parquet_fields(path: Path) -> Iterator[Fields]:
    for batch in pq.ParquetFile(path).iter_batches():
        for user, item, value, moment in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            yield str(user), str(item), str(value), str(moment)


def _split_fields(separator: str, heads: int, path: Path) -> Iterator[Fields]:
    with path.open() as file:
        for line in islice(file, heads, None):
            user, item, value, moment = line.rstrip("\n").split(separator)
            yield user, item, value, moment
