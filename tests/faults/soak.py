"""`make soak`: the whole stack for an hour under load, retraining; does anything grow, slow down or end?

Begins when a model is served. Compares the last quarter with the first: memory, open files and threads of
each process, lag, and freshness (an acknowledged event to the answer without its item). Ends with the checks
of `headwater verify`. JSON in --json.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console

from clients.topic_admin import topic_ends
from contracts.settings import StateSettings
from contracts.stored import keyspace
from contracts.topics import lag
from experiments.observations.outcomes import read_outcomes
from stack.machine.start_plan import Plan
from stack.processes import leftovers
from stack.processes.service_record import ServiceRecord
from stack.run.launch import Run, running_stack
from stack.run.services import Options
from stack.status.redis_state import redis_state
from stack.verify.check import verify
from stack.verify.ledgers import Ledgers, read_lake, read_rejected, read_sent
from stack.verify.state_file import export_state, read_state
from tests.faults.freshness_probe import FreshnessProbe
from tests.faults.quarters import Compared, Quarters, judge
from tests.faults.resources import resources

_QUERIES = 3  # one stream execution thread a query
_SAMPLE_SECONDS = 10.0
_FIRST_MODEL_SECONDS = 900.0
_WARM_UP_SECONDS = 60.0
_SETTLE_SECONDS = 120.0
# A small world: its users soon have rated most items, so later growth is not the data's.
_WORLD = ("--users", "600", "--items", "800")


@dataclass
class Soak:
    """The size of the run and its findings."""

    minutes: float
    rate: float
    events: int = 0
    trained: int = 0  # rounds
    quarters: Compared = field(default_factory=dict)
    grown: list[str] = field(default_factory=list)  # sentences
    ended: list[str] = field(default_factory=list)  # messages of services that ended by themselves
    query_threads: tuple[int, int] = (0, 0)  # fewest and most seen after the warm-up
    violations: list[str] = field(default_factory=list)
    cores: int = field(default_factory=lambda: os.cpu_count() or 1)

    @property
    def is_flat(self) -> bool:
        """Whether nothing grew, ended, or was lost."""
        whole = self.query_threads == (_QUERIES, _QUERIES)
        return whole and not (self.grown or self.ended or self.violations)


def run(
    folder: Path, samples: Path, minutes: float, rate: float, train_every: float, console: Console
) -> Soak:
    """Run it all, and write a line of JSON into ``samples`` every ten seconds."""
    found = Soak(minutes, rate)
    options = Options(
        folder / "data", 0, 0, 0, fall_back_to_free_ports=True, producer=False, train_every=train_every
    )
    with running_stack(options, console) as stack:
        ledger = folder / "sent.jsonl"
        words: tuple[str, ...] = (sys.executable, "-m", "stack", "ingest", "synthetic", *_WORLD, "--endless")
        words += ("--rate", f"{rate:g}", "--progress-file", str(stack.folders.progress))
        words += ("--ledger", str(ledger))
        stack.supervisor.start(Plan("ingest", words, ends=True))
        stack.supervisor.wait_until("the first model", lambda: _model(stack) != "", _FIRST_MODEL_SECONDS)
        stack.supervisor.pause(_WARM_UP_SECONDS)
        _sample(stack, found, minutes, samples)
        _ended_well(stack, found, folder, ledger)
    return found


def _sample(stack: Run, found: Soak, minutes: float, file: Path) -> None:
    begun, quarters, threads = time.monotonic(), Quarters(60 * minutes), set[int]()
    records = {record.name: record.process.pid for record in _records(stack)}
    probe = FreshnessProbe(stack.ports.api_url)
    probing = threading.Thread(target=probe.run, daemon=True)
    probing.start()
    with file.open("w") as out:
        while (at := time.monotonic() - begun) < 60 * minutes:
            sample = resources(_records(stack)) | _lags(stack) | probe.take()
            threads.add(int(sample.get("streaming: query threads", 0)))
            quarters.add(at, sample)
            out.write(json.dumps({"seconds": round(at, 1), **sample}) + "\n")
            out.flush()
            stack.supervisor.pause(_SAMPLE_SECONDS)
    probe.stop()
    probing.join()
    found.quarters = quarters.compare()
    found.grown = [*judge(found.quarters), *probe.failures]
    found.query_threads = (min(threads), max(threads))
    now = {record.name: record.process.pid for record in _records(stack)}
    found.ended = [f"{name} was started again" for name, pid in records.items() if now.get(name) != pid]


def _records(stack: Run) -> list[ServiceRecord]:
    return leftovers.records(stack.folders.run)


def _lags(stack: Run) -> dict[str, float]:
    ends = topic_ends(stack.ports.bootstrap)
    with redis_state(stack.ports.redis_url) as redis:
        online, lake = (
            redis.applied_offsets(keyspace.APPLIED_ONLINE),
            redis.applied_offsets(keyspace.APPLIED_LAKE),
        )
    return {"lag: online events": lag(ends, online), "lag: lake events": lag(ends, lake)}


def _ended_well(stack: Run, found: Soak, folder: Path, ledger: Path) -> None:
    """Stop the traffic, wait until all is applied, check every invariant."""
    ingest = next(record for record in _records(stack) if record.name == "ingest")
    os.kill(ingest.process.pid, 15)
    stack.supervisor.wait_until(
        "the last events", lambda: stack.supervisor.has_ended_well("ingest"), _SETTLE_SECONDS
    )
    stack.supervisor.wait_until("no lag", lambda: not any(_lags(stack).values()), _SETTLE_SECONDS)
    env = {**os.environ, "KAFKA_BOOTSTRAP_SERVERS": stack.ports.bootstrap}
    command = [sys.executable, "-m", "stack", "rejects", "--json", "--limit", "100000000"]
    rejected, state = folder / "rejected.jsonl", folder / "state.jsonl"
    rejected.write_bytes(subprocess.run(command, env=env, capture_output=True, check=True).stdout)
    with redis_state(stack.ports.redis_url) as redis:
        export_state(redis, StateSettings(), state)
    lake = read_lake(str(stack.folders.lake))
    # The probes' events come by the API, which keeps no ledger.
    ledgers = Ledgers(
        read_sent([ledger]),
        lake,
        read_rejected(rejected),
        None,
        read_state(state),
        all_producers=False,
        outcomes=read_outcomes(str(stack.folders.lake)),
    )
    checked = verify(ledgers)
    found.events = checked.counts["acknowledged"]
    found.violations = [s for v in checked.verdicts if v.holds is False for s in v.sentences()]
    found.trained = _rounds(stack)


def _model(stack: Run) -> str:
    with redis_state(stack.ports.redis_url) as redis:
        return model.version if (model := redis.model()) else ""


def _rounds(stack: Run) -> int:
    log = stack.folders.logs / "training.log"
    return sum(": learnt " in line for line in log.read_text(errors="replace").splitlines())


def main() -> int:
    """Run it from the command line; exit code 1 where something grew, ended or was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=float, default=1000, help="events a second")
    parser.add_argument("--train-every", type=float, default=300, help="seconds")
    parser.add_argument("--json", type=Path, default=Path("build/soak.json"))
    asked = parser.parse_args()
    asked.json.parent.mkdir(parents=True, exist_ok=True)
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="headwater-soak-") as folder:
        samples = asked.json.with_suffix(".samples.jsonl")
        found = run(Path(folder), samples, asked.minutes, asked.rate, asked.train_every, console)
    asked.json.write_text(json.dumps(asdict(found) | {"is_flat": found.is_flat}, indent=2) + "\n")
    print(f"{found.minutes:g} minutes at {found.rate:g}/s on {found.cores} cores: {found.events:,} events")
    for name, quarters in found.quarters.items():
        first, last = (
            " .. ".join(f"{value:,.2f}" for value in quarter.values()) for quarter in quarters.values()
        )
        print(f"{name:32} first quarter {first:32} last {last}")
    print(f"query threads: {found.query_threads[0]} to {found.query_threads[1]}; rounds: {found.trained}")
    for sentence in (*found.grown, *found.ended, *found.violations):
        print(sentence)
    print("flat" if found.is_flat else "not flat", f"(written to {asked.json})")
    return 0 if found.is_flat else 1


if __name__ == "__main__":
    sys.exit(main())
