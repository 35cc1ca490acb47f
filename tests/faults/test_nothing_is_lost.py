"""Faults with real processes: whatever dies, each acknowledged event is in the lake once, and in Redis."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

from contracts.stored import keyspace
from streaming.runtime import hold_points
from tests.faults.processes import Service, wait_until
from tests.faults.producer import Producer
from tests.faults.recount import assert_nothing_lost, assert_state


def test_no_event_is_lost_or_doubled_whichever_process_dies(service: Service, producer: Producer) -> None:
    producer.send(300)
    producer.flush()
    service.start_streaming(hold_points.STATE_WRITTEN)
    service.kill_at_hold_points()
    assert service.applied_records(keyspace.APPLIED_ONLINE) == 0
    # Of a micro-batch with a single event, which may be a retraction, there is no history.
    written = (keyspace.history, keyspace.retracted_items)
    assert any(service.client.exists(key(f"u{user}", 1)) for key in written for user in range(40))
    service.start_streaming()
    service.wait_for(300)
    check_older_state(service, producer)
    check_kill_at_a_random_moment(service, producer)
    check_flush(service, producer)
    check_that_a_failed_query_ends_the_service(service, producer)


def check_older_state(service: Service, producer: Producer) -> None:
    """Restore an older state of Redis: streaming brings it up to date."""
    older = files_of(service)
    for _ in range(3):
        producer.send(100)
        producer.flush()
        service.wait_for(len(producer.sent), lake_too=False)
    # The disk has less than Redis had acknowledged, as after a power cut with appendfsync everysec.
    service.kill_redis()
    for path, content in older.items():
        path.write_bytes(content)
    service.start_redis()
    went_back: Any = service.applied_records(keyspace.APPLIED_ONLINE)
    assert went_back == 300
    producer.send(50)
    producer.flush()
    wait_until(lambda: service.applied_records(keyspace.APPLIED_ONLINE) >= 650, "the gap is filled")
    service.wait_for(650)
    assert "applying it again" in service.log()
    assert_nothing_lost(service, producer)


def check_kill_at_a_random_moment(service: Service, producer: Producer) -> None:
    """Kill once, under load; `make nightly` kills twenty times."""
    producer.start_traffic(per_second=200)
    wait_until(lambda: service.applied_records(keyspace.APPLIED_ONLINE) > 650, "it works under load")
    time.sleep(random.Random(7).uniform(0.0, 2.0))
    service.kill_streaming()
    service.start_streaming()
    producer.stop_traffic()
    producer.repeat(100)
    service.wait_for(len(producer.sent))
    assert_nothing_lost(service, producer)


def check_flush(service: Service, producer: Producer) -> None:
    """Run FLUSHALL: an alarm follows, and `headwater rebuild` restores the exact state."""
    service.client.flushall()
    producer.send(10, users=1)
    producer.flush()
    wait_until(lambda: bool(service.client.hget(keyspace.STREAMING_STATUS, "state_lost")), "the alarm")
    assert "the state in Redis is gone" in service.log()
    service.headwater("rebuild")
    # All partitions are compared, though the ten events reached only one.
    service.wait_for(len(producer.sent))
    assert_state(service.client, producer)
    assert service.client.hget(keyspace.STREAMING_STATUS, "state_lost") is None


def check_that_a_failed_query_ends_the_service(service: Service, producer: Producer) -> None:
    """Let a query fail: the service ends. tests/stack/run/test_supervisor.py tests its restart."""
    offsets = Path(service.env["CHECKPOINTS_URI"]) / "lake-v1" / "offsets"
    offsets.rename(offsets.with_name("offsets-aside"))
    offsets.touch()
    producer.send(10)
    producer.flush()
    assert service.wait_for_end() == 1
    assert "query lake ended: " in service.log()


def files_of(service: Service) -> dict[Any, bytes]:
    """The content of Redis' append-only files on disk."""
    folder = service.folder / "redis"
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
