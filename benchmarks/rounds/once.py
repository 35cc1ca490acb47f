"""Where the seconds of `headwater demo --once` go: each phase, and the whole run."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.context import BenchContext, Ratio
from stack.demo.summary import Summary


def run(context: BenchContext) -> list[Ratio]:
    """Seconds of each phase of one run with the built-in source."""
    summary = context.work_dir / "once.json"
    command = [sys.executable, "-m", "stack", "demo", "--once", "--no-story", "--json", str(summary)]
    ports = ["--api-port", "0", "--kafka-port", "0", "--redis-port", "0"]
    subprocess.run([*command, *ports, "--data-dir", str(context.work_dir / "once")], check=True)
    seconds = Summary.decode(summary.read_text()).seconds
    total = seconds["total"]
    return [
        Ratio(f"--once: {phase}", spent, total, spent / total, "s", None, "the whole run")
        for phase, spent in seconds.items()
        if phase != "total"
    ]
