"""``make bench``: starts a broker and a Redis, runs every module, writes one table.

``python -m benchmarks [--scale 1.0] [--only producer]``
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import date
from os import environ
from pathlib import Path

from benchmarks.api import cold_start, events_api, exposures, load, rerankers, serving
from benchmarks.context import BenchContext, Ratio
from benchmarks.page import visit
from benchmarks.results import Measured, as_markdown, store
from benchmarks.rounds import (
    catalogues,
    factor_lists,
    kept_lists,
    neighbours,
    once,
    quality,
    top_n_lists,
    warm_round,
    whole_round,
)
from benchmarks.startup import idle, recovery
from benchmarks.stream import (
    blend_scoring,
    blend_worker,
    fold_in,
    freshness,
    growth,
    lake,
    live_figures,
    online,
    producer,
    reading,
)
from benchmarks.through_api import run as served
from stack.machine import broker, redis_server
from stack.machine.jars import ensure_jars
from stack.machine.java import ensure_java
from stack.machine.ports import LOOPBACK, free_port
from stack.machine.start_plan import Plan
from stack.processes.process import ServiceProcess

Benchmark = Callable[[BenchContext], list[Ratio]]
BENCHMARKS: tuple[tuple[str, Benchmark], ...] = (
    ("reading", reading.run),
    ("producer", producer.run),
    ("lake", lake.run),
    ("fold_in", fold_in.run),
    ("blend_scoring", blend_scoring.run),
    ("blend_worker", blend_worker.run),
    ("growth", growth.run),
    ("online", online.run),
    ("live_figures", live_figures.run),
    ("freshness", freshness.run),
    ("top_n_lists", top_n_lists.run),
    ("warm_round", warm_round.run),
    ("whole_round", whole_round.run),
    ("kept_lists", kept_lists.run),
    ("quality", quality.run),
    ("catalogues", catalogues.run),
    ("neighbours", neighbours.run),
    ("factor_lists", factor_lists.run),
    ("served", served.run),
    ("served_visits", served.run_visits),
    ("once", once.run),
    ("idle", idle.run),
    ("recovery", recovery.run),
    ("serving", serving.run),
    ("exposures", exposures.run),
    ("events_api", events_api.run),
    ("rerankers", rerankers.run),
    ("cold_start", cold_start.run),
    ("load", load.run),
    ("page", visit.run),
)
_HERE = Path(__file__).parent
_START_SECONDS = 60.0


def main() -> None:
    """Run the chosen modules and write results.md and results.json beside this file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="size of the run; 1 is the published size")
    parser.add_argument("--only", choices=[name for name, _ in BENCHMARKS], help="one module")
    asked = parser.parse_args()
    # SIGTERM ends the run as Ctrl-C does, so that the servers are stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    for name, benchmark in BENCHMARKS:
        if asked.only not in (None, name):
            continue
        with ExitStack() as running, tempfile.TemporaryDirectory(prefix="headwater-bench-") as folder:
            ratios = benchmark(_start_servers(Path(folder), asked.scale, running))
        measured = Measured(asked.scale, date.today().isoformat(), ratios)
        # Stored after each module, so that the results stay if a later one fails.
        store(_HERE, name, measured, [each for each, _ in BENCHMARKS])
        print(as_markdown({name: measured}))


def _start_servers(folder: Path, scale: float, running: ExitStack) -> BenchContext:
    """Start both servers; they stop when ``running`` closes."""
    java = ensure_java(print)
    ensure_jars(lambda *_: None)
    kafka_port, redis_port = free_port(), free_port()
    _start(
        broker.broker_plan(folder / "kafka", kafka_port, java),
        folder,
        lambda: broker.ready(kafka_port),
        running,
    )
    plan = redis_server.redis_plan(folder / "redis", redis_port)
    _start(plan, folder, lambda: redis_server.ready(redis_port), running)
    return BenchContext(f"{LOOPBACK}:{kafka_port}", f"redis://{LOOPBACK}:{redis_port}/0", folder, scale)


def _start(plan: Plan, folder: Path, is_ready: Callable[[], bool], running: ExitStack) -> None:
    process = ServiceProcess.start(
        plan.name, plan.command, {**environ, **plan.env}, folder / "logs", folder / "run"
    )
    running.callback(process.stop)
    deadline = time.monotonic() + _START_SECONDS
    while not is_ready():
        process.check()
        if time.monotonic() > deadline:
            raise SystemExit(f"{plan.name} did not answer in time\n{process.log_tail()}")
        time.sleep(0.1)


if __name__ == "__main__":
    main()
