"""The CPU that each process of an idle stack takes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import psutil

from benchmarks.context import BenchContext, Ratio
from benchmarks.startup.stack import served_stack
from stack.processes import leftovers
from stack.processes.run_state import Folders, RunState

# The figures of commit 169ab7b, before the services' intervals were tuned, on two shared cores.
BEFORE = {"broker": 8.0, "streaming": 6.5, "serving": 3.7}
BEFORE_IN_ALL = 24.0
GOAL = 8.0
_SETTLE_SECONDS = 120.0  # the JVMs still compile, and collect the first round's garbage
_SECONDS = 30.0


def run(context: BenchContext) -> list[Ratio]:
    """Percent of a core of each service with its JVM and workers, and of all."""
    folder = context.work_dir / "idle"
    with served_stack(folder):
        time.sleep(_SETTLE_SECONDS)
        before = cpu_seconds(processes(folder))
        time.sleep(_SECONDS)
        after = cpu_seconds(processes(folder))
    spent = percent_of_a_core(before, after, _SECONDS)
    whole = sum(spent.values())
    rows = [
        Ratio(
            name=f"idle: {name}",
            ours=share,
            peer=BEFORE.get(name, share),
            ratio=BEFORE.get(name, share) / max(share, 0.01),
            unit="% of a core",
            target=None,
            note="before commit 169ab7b" if name in BEFORE else "not measured before",
        )
        for name, share in sorted(spent.items(), key=lambda pair: -pair[1])
    ]
    target = BEFORE_IN_ALL / GOAL
    note = "before commit 169ab7b (percent: its / ours)"
    return [
        Ratio("idle stack", whole, BEFORE_IN_ALL, BEFORE_IN_ALL / whole, "% of a core", target, note),
        *rows,
    ]


def processes(folder: Path) -> dict[psutil.Process, str]:
    """Every process of a run, with the service that it belongs to."""
    folders = Folders(folder)
    state = RunState.read(folders)
    roots = {record.process.pid: record.name for record in leftovers.records(folders.run)}
    found = {psutil.Process(state.supervisor.pid): "supervisor"} if state else {}
    for pid, name in roots.items():
        root = psutil.Process(pid)
        found |= dict.fromkeys((root, *root.children(recursive=True)), name)
    return found


def cpu_seconds(found: Mapping[psutil.Process, str]) -> dict[str, float]:
    """User and system seconds so far, by service."""
    spent = dict.fromkeys(found.values(), 0.0)
    for process, name in found.items():
        times = process.cpu_times()
        spent[name] += times.user + times.system
    return spent


def percent_of_a_core(
    before: Mapping[str, float], after: Mapping[str, float], seconds: float
) -> dict[str, float]:
    """The percent of a core that each service took between two measurements."""
    return {name: 100 * (after[name] - before.get(name, 0.0)) / seconds for name in after}
