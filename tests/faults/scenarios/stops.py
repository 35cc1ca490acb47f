"""A broker that pauses for long and is started again in order; a streaming service that is asked to end."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

from clients.topic_admin import topic_ends
from contracts.stored import keyspace
from contracts.topics import events_in
from streaming.runtime import hold_points
from tests.faults.processes import Service, wait_until
from tests.faults.recount import assert_nothing_lost
from tests.faults.scenarios.scenario import Running, counts, running, seconds_until
from tests.faults.scenarios.visitor import Visitor, visiting

_PAUSE_SECONDS = 20.0
_WRITES = 10  # through the API, before it counts as at work
_MOMENTS = 2  # at which the service is asked to end under load, besides the named ones


def broker_stops(folder: Path) -> str:
    """It stands still for 20 s, and is stopped and started again in order, under load and while the API is
    asked: producers and streaming go on with the connections they have."""
    with running(folder, seed=6) as stack:
        with visiting(stack.service) as visitor:
            stack.producer.start_traffic(per_second=200)
            _catch_up(stack, visitor)
            stack.broker.signal(signal.SIGSTOP)
            time.sleep(_PAUSE_SECONDS)
            stack.broker.signal(signal.SIGCONT)
            after_pause = seconds_until(lambda: _catch_up(stack, visitor))
            stack.broker.restart()
            after_start = seconds_until(lambda: _catch_up(stack, visitor))
            stack.producer.stop_traffic()  # every event is acknowledged in the end
            visitor.stop()
            stack.service.wait_for(_count_in_kafka(stack.service))
        stack.service.check()  # the service that was started first
        visitor.hand_over(stack.service, stack.producer)
        assert_nothing_lost(stack.service, stack.producer)
        return (
            f"caught up {after_pause:.0f} s after a pause of {_PAUSE_SECONDS:.0f} s and {after_start:.0f} s "
            f"after a new start; {counts(stack)}; {visitor}"
        )


def _catch_up(stack: Running, visitor: Visitor) -> None:
    """Wait until the producer and the API write again, and all is applied that Kafka has by then."""
    events, writes = stack.producer.acknowledged, len(visitor.promised)
    wait_until(lambda: stack.producer.acknowledged > events, "the producer goes on")
    wait_until(lambda: len(visitor.promised) >= writes + _WRITES, "the API takes events")
    stack.service.wait_for(_count_in_kafka(stack.service), lake_too=False)


def _count_in_kafka(service: Service) -> int:
    return events_in(topic_ends(service.env["KAFKA_BOOTSTRAP_SERVERS"]))


def sigterm_streaming(folder: Path) -> str:
    """It is asked to end within a batch, at named moments and at random ones under load: it ends in time,
    in order, and without an error in its log."""
    with running(folder, seed=7) as stack:
        service, producer = stack.service, stack.producer
        moments = random.Random(7)
        seconds = [service.end_in_order()]
        producer.start_traffic(per_second=200)
        for point in (hold_points.LAKE_COMMITTED, hold_points.STATE_WRITTEN):
            service.start_streaming(point)
            service.wait_for_hold_points()
            seconds.append(service.end_in_order())
        for _ in range(_MOMENTS):
            service.start_streaming()
            applied = service.applied_records(keyspace.APPLIED_LAKE)
            _wait_until_lake_passes(service, applied)
            time.sleep(moments.uniform(0.0, 2.0))
            seconds.append(service.end_in_order())
        service.start_streaming()
        producer.stop_traffic()
        recovered = seconds_until(lambda: service.wait_for(producer.records))
        said = [line for line in service.log().splitlines() if "ERROR" in line or '"error"' in line]
        assert said == []
        assert "Traceback" not in service.log()
        assert_nothing_lost(service, producer)
        return (
            f"{len(seconds)} times, ended with 0 within {max(seconds):.1f} s, no error in the log; "
            f"{counts(stack)}; caught up in {recovered:.0f} s after the last start"
        )


def _wait_until_lake_passes(service: Service, applied: int) -> None:
    def is_past() -> bool:
        service.check()
        return service.applied_records(keyspace.APPLIED_LAKE) > applied

    wait_until(is_past, "it works under load")
