"""Answers with and without exposures: of two API processes over one Redis, one sends what it shows to Kafka.

wrk asks both in turn: as fast as they answer for requests a second and the CPU of a request, and at half that
rate for the 99th percentile (steady_load.py). The answers are those of the benchmark ``serving``.

What wrk, Redis, the broker and the process that sends the exposures need is no cost of an answer. So the API
processes have a core of their own, where there are two. At the fixed rate wrk, Redis and the API also run at
real-time priority, where the system allows it (root on Linux), because an answer would wait for its Redis
otherwise, while the broker or the sender runs. That keeps other work of the machine out of the figures, too.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from statistics import median

import psutil

from benchmarks.api.serving import (
    CONNECTIONS,
    USERS,
    listening,
    needs_wrk,
    requests_a_second,
    serving_process,
    write_state,
)
from benchmarks.api.steady_load import Latencies, ask_steadily, interval_of_median, percentile, ratios
from benchmarks.context import BenchContext, Ratio, alternating, median_ratio
from clients.topic_admin import create_topics, end_offsets
from contracts.topics import EXPOSURES, TOPICS
from serving.exposures.log import IDLE_SECONDS

_FAST_ROUNDS, _STEADY_ROUNDS, _SECONDS = 7, 60, 2
_OF_CAPACITY = 0.5
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
        _core_of_its_own([_with_its_sender(listening(noting)), listening(silent)]),
    ):
        fast, capacity = _as_fast_as_they_answer(context, noting, silent)
        with _first_in_line([listening(noting), listening(silent)]):
            steady = _at_a_fixed_rate(context, noting, silent, _OF_CAPACITY * capacity)
    if not sum(end_offsets(context.bootstrap, EXPOSURES.name).values()):
        raise SystemExit("no exposure is in the topic: the benchmark compared nothing")
    return [steady, *fast]


def _as_fast_as_they_answer(context: BenchContext, noting: str, silent: str) -> tuple[list[Ratio], float]:
    """The CPU of a request and requests a second; beside them, what the slower one can carry."""
    costs: dict[str, list[float]] = {noting: [], silent: []}
    unused: dict[str, list[float]] = {noting: [], silent: []}
    asked = [partial(requests_a_second, context, url, unused, costs, _SECONDS) for url in (noting, silent)]
    with_them, without = alternating(asked, _FAST_ROUNDS)
    cost, peer_cost = costs[noting][1:], costs[silent][1:]  # each list begins with the run that warms up
    note = f"the same answers with EXPOSURES=false, one worker, wrk with {CONNECTIONS} connections"
    return [
        Ratio(
            name="answers with exposures, CPU a request",
            ours=median(cost),
            peer=median(peer_cost),
            ratio=median_ratio(peer_cost, cost),
            unit="µs",
            target=None,
            note=note,
        ),
        Ratio(
            name="answers with exposures",
            ours=median(with_them),
            peer=median(without),
            ratio=median_ratio(with_them, without),
            unit="requests/s",
            target=None,
            note=note,
        ),
    ], min(median(with_them), median(without))


def _at_a_fixed_rate(context: BenchContext, noting: str, silent: str, rate: float) -> Ratio:
    """The medians of the rounds' 99th percentiles and of their ratios, and how sure that is.

    Each round has several sends. The percentiles of the answers of all rounds are in the note: a machine
    that stands still in a few rounds decides them. A round in which a process gave errors or got few requests
    is asked again, up to one in ten.
    """

    def ask(url: str) -> Latencies:
        time.sleep(2 * IDLE_SECONDS)  # the last lists of the process that was asked before are sent meanwhile
        return ask_steadily(context.work_dir, url, USERS, rate, _SECONDS)

    wanted = max(3, round(_STEADY_ROUNDS * context.scale))
    rounds: list[tuple[Latencies, Latencies]] = []
    again = 0
    while len(rounds) <= wanted:  # the first warms up
        try:
            rounds.append((ask(noting), ask(silent)))
        except SystemExit as failed:
            again += 1
            if again > wanted / 10:
                raise
            print(failed)
    ours, peer = zip(*rounds[1:], strict=True)
    each = ratios(peer, ours, 0.99)
    interval = interval_of_median(each)
    of_all = percentile(peer, 0.99), percentile(ours, 0.99)
    return Ratio(
        name="answers with exposures, p99",
        ours=median(percentile([each], 0.99) for each in ours),
        peer=median(percentile([each], 0.99) for each in peer),
        ratio=median(each),
        unit="µs",
        target=1 / _P99_MAY_GROW,
        note=f"the same answers with EXPOSURES=false, one worker, {rate:,.0f} requests/s of each in turn, "
        f"{len(ours)} rounds, {again} asked again; the median ratio is {interval.low:.2f} to "
        f"{interval.high:.2f} (95 %); over all answers {of_all[1]:,} and {of_all[0]:,} µs",
    )


def _with_its_sender(server: psutil.Process) -> psutil.Process:
    """The same process, once it has started the one that sends, which stays with the broker."""
    ends = time.monotonic() + 20
    while not server.children():
        if time.monotonic() > ends:
            raise SystemExit("the API has started no process to send exposures")
        time.sleep(0.1)
    return server


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


@contextmanager
def _first_in_line(servers: Sequence[psutil.Process]) -> Iterator[None]:
    """Meanwhile, run these processes, Redis and the load at real-time priority, if that is allowed."""
    this = psutil.Process()
    redis = [each for each in this.children() if "redis" in each.name()]
    all_of_them = [this, *redis, *servers]  # wrk inherits it from this process
    if hasattr(os, "SCHED_RR"):
        with suppress(PermissionError):
            _schedule(all_of_them, os.SCHED_RR, priority=1)
    try:
        yield
    finally:
        if hasattr(os, "SCHED_RR"):
            _schedule(all_of_them, os.SCHED_OTHER, priority=0)


def _schedule(processes: Iterable[psutil.Process], policy: int, priority: int) -> None:
    """Set how all threads of these processes are scheduled; what they start later inherits it."""
    for process in processes:
        for thread in process.threads():
            with suppress(ProcessLookupError):  # some threads live for a moment only
                os.sched_setscheduler(thread.id, policy, os.sched_param(priority))


def _keep_on(cores: Sequence[int], processes: Iterable[psutil.Process]) -> None:
    for process in processes:
        for thread in process.threads():
            with suppress(ProcessLookupError):  # some threads live for a moment only
                os.sched_setaffinity(thread.id, cores)
