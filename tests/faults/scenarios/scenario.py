"""What every scenario of the nightly run has: a stack of its own, and a row of the table as its result."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tests.faults.processes import Broker, Service
from tests.faults.producer import Producer

Scenario = Callable[[Path], str]  # gets an empty folder; returns its figures, or raises AssertionError


class CannotRunHereError(Exception):
    """This machine does not allow what the scenario needs."""


@dataclass
class Row:
    """What one scenario found."""

    name: str
    outcome: str  # holds, FAILED, not run
    seconds: float
    figures: str


class Running(NamedTuple):
    """A broker, Redis with the streaming service, and who sends."""

    broker: Broker
    service: Service
    producer: Producer


def run_scenario(name: str, scenario: Scenario, folder: Path) -> Row:
    """Its row, whatever happens."""
    started = time.monotonic()
    try:
        outcome, figures = "holds", scenario(folder)
    except CannotRunHereError as error:
        outcome, figures = "not run", str(error)
    except Exception as error:  # a table says what failed; the other scenarios go on
        traceback.print_exc()
        outcome, figures = "FAILED", f"{type(error).__name__}: {error}"
    return Row(name, outcome, time.monotonic() - started, figures)


def table(rows: list[Row]) -> str:
    """One line for each row."""
    width = max(len(row.name) for row in rows)
    return "\n".join(
        f"{row.name:{width}}  {row.outcome:7}  {row.seconds:6.0f} s  {row.figures}" for row in rows
    )


@contextmanager
def running(folder: Path, seed: int) -> Iterator[Running]:
    """All of it, with 300 events applied; what is on a small disk is mounted before."""
    broker = Broker(folder / "broker")
    try:
        service = Service(broker.bootstrap, folder)
        try:
            service.start_redis()
            producer = Producer(broker.bootstrap, seed, folder)
            try:
                producer.send(300)
                producer.flush()
                service.start_streaming()
                service.wait_for(300)
                yield Running(broker, service, producer)
            finally:
                producer.close()
        finally:
            service.stop()
    finally:
        broker.stop()


def counts(stack: Running) -> str:
    """What was sent; that nothing of it is lost or doubled has been asserted."""
    return f"{stack.producer.acknowledged:,} events, 0 lost, 0 doubled"


def seconds_until(done: Callable[[], None]) -> float:
    """How long something took."""
    started = time.monotonic()
    done()
    return time.monotonic() - started
