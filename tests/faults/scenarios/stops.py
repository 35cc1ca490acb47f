"""A broker that pauses for long."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from tests.faults.recount import assert_nothing_lost
from tests.faults.scenarios.scenario import Running, counts, running, seconds_until

_PAUSE_SECONDS = 20.0


def broker_pauses(folder: Path) -> str:
    """It stands still for 20 s under load; producers and streaming go on with the connections they have."""
    with running(folder, seed=6) as stack:
        broker, _, producer = stack
        producer.start_traffic(per_second=200)
        broker.signal(signal.SIGSTOP)
        time.sleep(_PAUSE_SECONDS)
        broker.signal(signal.SIGCONT)
        recovered = _goes_on(stack)
        return f"{_PAUSE_SECONDS:.0f} s; {counts(stack)}; caught up in {recovered:.0f} s"


def _goes_on(stack: Running) -> float:
    stack.producer.stop_traffic()  # every event is acknowledged in the end
    recovered = seconds_until(lambda: stack.service.wait_for(stack.producer.records))
    stack.service.check()  # the service that was started first
    assert_nothing_lost(stack.service, stack.producer)
    return recovered
