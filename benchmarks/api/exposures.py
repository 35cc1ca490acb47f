"""Answers with and without exposures: of two API processes over one Redis, one sends what it shows to Kafka.

Both are asked by wrk over 32 connections, in turn. The answers are those of the benchmark ``serving``. Where
there are two cores, the API processes have one of their own: what wrk, Redis and the broker need is no cost
of an answer.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from statistics import median

import psutil

from benchmarks.api.serving import (
    CONNECTIONS,
    listening,
    needs_wrk,
    requests_a_second,
    serving_process,
    write_state,
)
from benchmarks.context import BenchContext, Ratio, alternating, median_ratio
from clients.topic_admin import create_topics, end_offsets
from contracts.topics import EXPOSURES, TOPICS

# Many short rounds: the 99th percentile of one server varies by half between two runs.
_ROUNDS, _SECONDS = 21, 2
_P99_MAY_GROW = 1.05


def run(context: BenchContext) -> list[Ratio]:
    """The 99th percentiles, requests a second, and the CPU of a request (without / with, or with / without).

    In each ratio, more is better.
    """
    needs_wrk()
    write_state(context.redis_url)
    create_topics(context.bootstrap, TOPICS)
    kafka = {"kafka_bootstrap_servers": context.bootstrap}
    with (
        serving_process(context, exposure_counts_dir=context.work_dir / "counts", **kafka) as noting,
        serving_process(context, exposures=False, **kafka) as silent,
    ):
        latencies: dict[str, list[float]] = {noting: [], silent: []}
        costs: dict[str, list[float]] = {noting: [], silent: []}

        def requests_of(url: str) -> Callable[[], float]:
            return lambda: requests_a_second(context, url, latencies, costs, _SECONDS)

        with _core_of_its_own([listening(noting), listening(silent)]):
            rates = alternating([requests_of(noting), requests_of(silent)], _ROUNDS)
    if not sum(end_offsets(context.bootstrap, EXPOSURES.name).values()):
        raise SystemExit("no exposure is in the topic: the benchmark compared nothing")
    note = f"the same answers with EXPOSURES=false, one worker, wrk with {CONNECTIONS} connections"

    def row(name: str, figures: dict[str, list[float]], target: float | None) -> Ratio:
        # Each list begins with the run that warms up.
        ours, peer = figures[noting][1:], figures[silent][1:]
        return Ratio(
            name=name,
            ours=median(ours),
            peer=median(peer),
            ratio=median_ratio(peer, ours),
            unit="µs",
            target=target,
            note=note,
        )

    return [
        row("answers with exposures, p99", latencies, 1 / _P99_MAY_GROW),
        row("answers with exposures, CPU a request", costs, None),
        Ratio(
            name="answers with exposures",
            ours=median(rates[0]),
            peer=median(rates[1]),
            ratio=median_ratio(*rates),
            unit="requests/s",
            target=None,
            note=note,
        ),
    ]


@contextmanager
def _core_of_its_own(servers: Sequence[psutil.Process]) -> Iterator[None]:
    """Meanwhile, give these processes the first core, and all other processes of the benchmark the rest."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(cores) < 2:
        yield
        return
    this = psutil.Process()
    _keep_on(cores[1:], [this, *this.children(recursive=True)])
    _keep_on(cores[:1], servers)
    try:
        yield
    finally:
        _keep_on(cores, [this])


def _keep_on(cores: Sequence[int], processes: Iterable[psutil.Process]) -> None:
    for process in processes:
        for thread in process.threads():
            with suppress(ProcessLookupError):  # some threads live for a moment only
                os.sched_setaffinity(thread.id, cores)
