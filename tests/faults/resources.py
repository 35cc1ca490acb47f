"""Measures memory, open files and threads of each process of a stack."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import psutil

from stack.processes.service_record import ServiceRecord

_MB = 1024 * 1024
# Linux keeps 15 characters of a thread's name: "stream execution thread for online ...".
_QUERY_THREAD = "stream executio"


def resources(records: Iterable[ServiceRecord]) -> dict[str, float]:
    """By service and kind of process: MB resident, open files, threads; and streaming's query threads."""
    found: defaultdict[str, float] = defaultdict(float)
    for record in records:
        for process in _family(record):
            try:
                with process.oneshot():
                    kind = _kind(record, process)
                    found[f"{kind}: MB"] += process.memory_info().rss / _MB
                    found[f"{kind}: open files"] += process.num_fds()
                    found[f"{kind}: threads"] += process.num_threads()
                if record.name == "streaming":
                    found["streaming: query threads"] += _query_threads(process)
            except (psutil.Error, OSError):
                continue  # the process has ended meanwhile
    return {name: round(value, 1) for name, value in found.items()}


def _family(record: ServiceRecord) -> list[psutil.Process]:
    try:
        parent = psutil.Process(record.process.pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.Error:
        return []


def _kind(record: ServiceRecord, process: psutil.Process) -> str:
    if process.pid == record.process.pid:
        return record.name
    return f"{record.name}, {'JVM' if process.name() == 'java' else 'workers'}"


def _query_threads(process: psutil.Process) -> int:
    """The number of a JVM's threads that run a query, by their names (Linux only)."""
    if process.name() != "java":
        return 0
    names = (file.read_text().strip() for file in Path(f"/proc/{process.pid}/task").glob("*/comm"))
    return sum(name == _QUERY_THREAD for name in names)
