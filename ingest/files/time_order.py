"""Events of any number into time order in limited memory: sorted runs on disk, then one merge.

Memory: one run (``RUN_EVENTS``, about 100 MB) while reading, ``_BLOCK`` events a run while merging (2M lines:
350 MB for the whole process, imports and caches included; more lines add half a MB a run). Disk:
about 250 bytes an event in TMPDIR. Events of one time keep the order of the source.
"""

from __future__ import annotations

import marshal
import tempfile
from collections.abc import Iterable, Iterator
from heapq import merge
from itertools import chain, islice
from pathlib import Path

from ingest.files.encoding import EncodedEvent

RUN_EVENTS = 200_000
_BLOCK = 1_000
_RUNS_AT_ONCE = 200  # open files in one merge


def in_time_order(
    events: Iterable[EncodedEvent], run_events: int = RUN_EVENTS, runs_at_once: int = _RUNS_AT_ONCE
) -> Iterator[EncodedEvent]:
    """The same events by (time, place in the source). What fits into one run never touches the disk."""
    source = iter(events)
    run = sorted(islice(source, run_events))
    following = next(source, None)
    if following is None:
        yield from run
        return
    with tempfile.TemporaryDirectory(prefix="headwater-ingest-") as folder:
        yield from _merge_from_disk(run, chain([following], source), Path(folder), run_events, runs_at_once)


def _merge_from_disk(
    run: list[EncodedEvent], rest: Iterator[EncodedEvent], folder: Path, run_events: int, runs_at_once: int
) -> Iterator[EncodedEvent]:
    runs = _write_runs(run, rest, folder, run_events)
    while len(runs) > runs_at_once:
        merged = folder / f"merged-{len(runs)}"
        _append(merged, merge(*map(_read, runs[:runs_at_once])))
        for done in runs[:runs_at_once]:
            done.unlink()
        runs = [*runs[runs_at_once:], merged]
    return merge(*map(_read, runs))


def _write_runs(
    run: list[EncodedEvent], rest: Iterator[EncodedEvent], folder: Path, run_events: int
) -> list[Path]:
    """Write runs; one that begins where the last ended continues it, so ordered input becomes one run."""
    runs: list[Path] = []
    last: EncodedEvent | None = None
    while run:
        if last is None or run[0] < last:
            runs.append(folder / f"run-{len(runs)}")
        _append(runs[-1], run)
        last = run[-1]
        run = sorted(islice(rest, run_events))
    return runs


def _append(path: Path, events: Iterable[EncodedEvent]) -> None:
    source = iter(events)
    with path.open("ab") as file:
        # marshal: the fastest codec of the library, and only this process reads it back.
        while block := [tuple(event) for event in islice(source, _BLOCK)]:
            marshal.dump(block, file)


def _read(path: Path) -> Iterator[EncodedEvent]:
    with path.open("rb") as file:
        while True:
            try:
                block = marshal.load(file)
            except EOFError:
                return
            yield from map(EncodedEvent._make, block)
