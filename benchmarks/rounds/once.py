"""The seconds of each phase of `headwater demo --once` and of the whole run, beside an earlier commit's."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.context import BenchContext, Ratio
from stack.demo.summary import Summary

# The phases that commit 66addd0 printed, on two idle cores (docs/decisions/0032-start-up.md).
BEFORE = {"servers": 3.4, "api": 0.1, "replay": 1.2, "applied": 34.0, "training": 40.9, "story": 21.1}
BEFORE_IN_ALL = 101.0
GOAL = 60.0
_NOTE = "before: commit 66addd0 (seconds: its / ours)"


def run(context: BenchContext) -> list[Ratio]:
    """Measure the seconds of each phase of one run with the built-in source."""
    summary = context.work_dir / "once.json"
    command = [sys.executable, "-m", "stack", "demo", "--once", "--json", str(summary)]
    ports = ["--api-port", "0", "--kafka-port", "0", "--redis-port", "0"]
    subprocess.run([*command, *ports, "--data-dir", str(context.work_dir / "once")], check=True)
    seconds = Summary.decode(summary.read_text()).seconds
    whole = seconds["total"]
    return [
        Ratio("--once", whole, BEFORE_IN_ALL, BEFORE_IN_ALL / whole, "s", BEFORE_IN_ALL / GOAL, _NOTE),
        *(
            Ratio(
                f"--once: {phase}",
                seconds[phase],
                before,
                before / max(seconds[phase], 0.01),
                "s",
                None,
                _NOTE,
            )
            for phase, before in BEFORE.items()
        ),
    ]
