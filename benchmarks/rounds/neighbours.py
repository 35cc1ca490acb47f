"""Similar items of large catalogues: an index of approximate neighbours beside comparing all with all.

Vectors are random, around a thousand centres, of the rank that is served. Both make lists of 100 of a sample
of the items, on all cores; what all items would take includes the index. Needs no servers:

    python -m benchmarks.rounds.neighbours [--items 1000000]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from os import cpu_count

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from algorithms.neighbours.index import NeighbourIndex
from algorithms.top_n import top_n
from benchmarks.context import BenchContext, Ratio

RANK, LISTED = 16, 100
_SIZES = (100_000, 1_000_000)
_CENTRES, _SPREAD, _SAMPLE, _EXACT_SAMPLE = 1000, 0.5, 5000, 500
_LEAST_RECALL = 0.98
Floats = NDArray[np.float32]


def run(context: BenchContext) -> list[Ratio]:
    """Two rows a catalogue: items a second, and recall."""
    with threadpool_limits(cpu_count()):
        return [row for size in _SIZES for row in _compare(int(size * context.scale))]


def directions(items: int) -> Floats:
    """(items, RANK) vectors of length 1."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((_CENTRES, RANK)).astype(np.float32)
    vectors = centres[rng.integers(0, _CENTRES, items)]
    vectors += np.float32(_SPREAD) * rng.standard_normal((items, RANK), np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def _compare(items: int) -> Iterator[Ratio]:
    vectors = directions(items)
    chosen = np.random.default_rng(1).permutation(items)[:_SAMPLE].astype(np.int32)
    started = time.perf_counter()
    index = NeighbourIndex(vectors, cpu_count() or 1)
    build = time.perf_counter() - started
    started = time.perf_counter()
    found, _ = index.nearest(vectors[chosen], chosen, LISTED)
    each = (time.perf_counter() - started) / len(chosen)
    few = chosen[:_EXACT_SAMPLE]
    started = time.perf_counter()
    exact, _ = top_n(vectors[few], vectors, np.arange(len(few) + 1, dtype=np.int64), few, LISTED)
    exact_each = (time.perf_counter() - started) / len(few)
    pairs = zip(found[: len(few)], exact, strict=True)
    recall = float(np.mean([len(np.intersect1d(*lists)) for lists in pairs])) / LISTED
    rate, exact_rate = items / (build + each * items), 1 / exact_each
    times = f"{1000 * each:.2f} ms an item, exact {1000 * exact_each:.2f} ms"
    note = f"all with all; index {build:.0f} s, {index.nbytes / 2**20:,.0f} MB; {times}; rank {RANK}"
    name = f"similar items, {items:,} items"
    yield Ratio(name, rate, exact_rate, rate / exact_rate, "items/s", None, note)
    missed = f"all of the {LISTED} nearest, as comparing all with all finds them"
    yield Ratio(f"{name}: recall@{LISTED}", recall, 1, recall, "", _LEAST_RECALL, missed)


def main() -> None:
    """Print the rows; needs no servers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=_SIZES[0])
    with threadpool_limits(cpu_count()):
        for row in _compare(parser.parse_args().items):
            print(f"{row.name}: {row.ours:.4g} {row.unit}, peer {row.peer:.4g}; {row.note}")


if __name__ == "__main__":
    main()
