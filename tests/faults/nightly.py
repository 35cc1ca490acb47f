"""`make nightly`: faults with real processes that take too long for `make test`; prints one table.

Its first row is streaming killed again and again at random moments under load, with every invariant checked
at the end: kills, events, lost, duplicated, and the seconds from a kill until Redis shows all that had been
acknowledged by then; the same as JSON in --json. The others are in tests/faults/scenarios; --only names some.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

from contracts.stored import keyspace
from contracts.topics import interaction_offsets
from stack.verify.check import Verified
from tests.faults.processes import Broker, Service, wait_until
from tests.faults.producer import Producer
from tests.faults.recount import verify_run
from tests.faults.scenarios import (
    experiments,
    full_disks,
    killed_rounds,
    new_topics,
    odd_worlds,
    rounds,
    stops,
)
from tests.faults.scenarios.scenario import Scenario, run_scenario, table

USERS, ITEMS = 2_000, 2_000
_TICK_SECONDS = 0.05
_DEAD_SECONDS = 0.5


@dataclass
class Nightly:
    """The size of the run and its findings."""

    kills: int = 0
    events: int = 0  # acknowledged
    lost: int = 0
    duplicated: int = 0
    holds: bool = False  # every invariant
    seconds: float = 0.0
    events_per_second: float = 0.0
    recovery_p50_seconds: float = 0.0
    recovery_max_seconds: float = 0.0
    recovery_seconds: list[float] = field(default_factory=list)
    seed: int = 0
    cores: int = field(default_factory=lambda: os.cpu_count() or 1)
    violations: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.kills} kills, {self.events:,} events acknowledged at {self.events_per_second:,.0f}/s, "
            f"{self.lost} lost, {self.duplicated} duplicated; "
            f"recovery p50 {self.recovery_p50_seconds:.1f} s, max {self.recovery_max_seconds:.1f} s; "
            f"{self.seconds:.0f} s on {self.cores} cores, seed {self.seed}"
        )


def run(folder: Path, kills: int, events: int, rate: int, seed: int) -> Nightly:
    """Run everything. Raises AssertionError if the service does not recover."""
    found, started, moments = Nightly(seed=seed), time.monotonic(), random.Random(seed)
    with _running(folder, seed) as (service, producer):
        killed = threading.Event()
        traffic = threading.Thread(target=_traffic, args=(producer, events, rate, killed), daemon=True)
        traffic.start()
        service.wait_for(1, lake_too=False)
        interval = (events / rate - (time.monotonic() - started)) / kills
        for number in range(kills):
            due = time.monotonic() + interval * moments.uniform(0.5, 1.0)
            found.recovery_seconds.append(_kill(service, producer))
            found.kills += 1
            print(f"kill {number + 1}: {found.recovery_seconds[-1]:.1f} s, {producer.acknowledged:,} events")
            _sleep_until(due)
        killed.set()
        traffic.join()
        found.events_per_second = producer.acknowledged / (time.monotonic() - started)
        producer.flush()
        found.events, reached = producer.acknowledged, dict(producer.reached)
        wait_until(lambda: _has_applied(service, reached, lake_too=True), "everything is applied")
        service.check()
        _judge(found, verify_run(service, producer))
    found.seconds = time.monotonic() - started
    return found


@contextmanager
def _running(folder: Path, seed: int) -> Iterator[tuple[Service, Producer]]:
    broker = Broker(folder / "broker")
    service = Service(broker.bootstrap, folder)
    service.env["LAKE_TRIGGER_SECONDS"] = "5"
    try:
        service.start_redis()
        producer = Producer(broker.bootstrap, seed, folder, remembers=False)
        service.start_streaming()
        try:
            yield service, producer
        finally:
            producer.close()
    finally:
        service.stop()
        broker.stop()


def _traffic(producer: Producer, events: int, rate: int, killed: threading.Event) -> None:
    """Send this many events, and more of them until the last kill on a machine that recovers slowly."""
    started, sent = time.monotonic(), 0
    while sent < events or not killed.is_set():
        due = int((time.monotonic() - started) * rate) - sent
        producer.send(due, USERS, ITEMS)
        sent += due
        time.sleep(_TICK_SECONDS)


def _kill(service: Service, producer: Producer) -> float:
    """Kill the service and start it again; the seconds until Redis has all that was acknowledged before."""
    started = time.monotonic()
    service.kill_streaming()
    time.sleep(_DEAD_SECONDS)  # only the restarted service can apply what is acknowledged meanwhile
    acknowledged = dict(producer.reached)
    assert not _has_applied(service, acknowledged), "no traffic while it was dead"
    service.start_streaming()

    def has_recovered() -> bool:
        service.check()
        return _has_applied(service, acknowledged)

    wait_until(has_recovered, "the recovery")
    return time.monotonic() - started


def _has_applied(service: Service, reached: dict[int, int], lake_too: bool = False) -> bool:
    keys = (keyspace.APPLIED_ONLINE, keyspace.APPLIED_LAKE)[: 2 if lake_too else 1]
    applied = [interaction_offsets(service.offsets(key)) for key in keys]
    return all(offsets.get(p, 0) >= n for offsets in applied for p, n in reached.items())


def _judge(found: Nightly, checked: Verified) -> None:
    cases = {
        verdict.invariant.name: sum(violation.cases for violation in verdict.found)
        for verdict in checked.verdicts
        if isinstance(verdict.found, list)
    }
    found.lost, found.duplicated, found.holds = cases["I1"], cases["I2"], checked.holds
    found.violations = [s for v in checked.verdicts if v.holds is False for s in v.sentences()]
    found.recovery_p50_seconds = statistics.median(found.recovery_seconds)
    found.recovery_max_seconds = max(found.recovery_seconds)


def _sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))


def kills(folder: Path, asked: argparse.Namespace) -> str:
    """The kill loop as a row of the table. Raises AssertionError where an invariant is violated."""
    found = run(folder, asked.kills, asked.events, asked.rate, asked.seed)
    asked.json.parent.mkdir(parents=True, exist_ok=True)
    asked.json.write_text(json.dumps(asdict(found), indent=2) + "\n")
    assert found.holds, "\n".join([str(found), *found.violations])
    return str(found)


def scenarios(asked: argparse.Namespace) -> dict[str, Scenario]:
    """Every scenario by the name that --only takes."""
    return {
        "kills": partial(kills, asked=asked),
        "full-disk-lake": full_disks.under_the_lake,
        "full-disk-checkpoints": full_disks.under_the_checkpoints,
        "full-disk-kafka": full_disks.under_kafka,
        "full-disk-redis": full_disks.under_redis,
        "broker-stops": stops.broker_stops,
        "sigterm-streaming": stops.sigterm_streaming,
        "topic-created-again": new_topics.topic_created_again,
        "api-while-published": rounds.api_asked_while_published,
        "trainer-killed": killed_rounds.trainer_killed,
        "odd-worlds": odd_worlds.each_gives_a_model_or_a_sentence,
        "experiments": experiments.through_kills_and_flush,
    }


def main() -> int:
    """Exit code 1 where one of them does not hold, or one that was asked for cannot run here."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="kills, full-disk-lake, ... (default: all)")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rate", type=int, default=1_000, help="events a second")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, default=Path("build/nightly.json"), help="figures of the kills")
    asked = parser.parse_args()
    known = scenarios(asked)
    if unknown := set(asked.only or ()) - known.keys():
        parser.error(f"--only: unknown {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    rows = []
    for name in asked.only or known:
        with tempfile.TemporaryDirectory(prefix="headwater-nightly-") as folder:
            rows.append(run_scenario(name, known[name], Path(folder)))
        print(table(rows[-1:]), flush=True)
    if len(rows) > 1:
        print(f"\n{table(rows)}")
    fails = {"FAILED", "not run"} if asked.only else {"FAILED"}
    return int(any(row.outcome in fails for row in rows))


if __name__ == "__main__":
    sys.exit(main())
