"""Faults with real processes: whatever dies, every acknowledged event is in the lake once and in Redis."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

from contracts.stored import keyspace
from tests.faults.processes import Service, wait_until
from tests.faults.producer import Producer
from tests.faults.recount import assert_nothing_lost, assert_state

KILLS = 2  # `make nightly` kills twenty times


def test_streaming_killed_at_random_points_loses_and_doubles_nothing(
    service: Service, producer: Producer
) -> None:
    moments = random.Random(7)
    producer.send(200)
    producer.start_traffic(per_second=200)
    for _ in range(KILLS):
        reached = service.applied(keyspace.APPLIED_ONLINE)
        wait_until(
            lambda reached=reached: service.applied(keyspace.APPLIED_ONLINE) > reached, "it works again"
        )  # type: ignore[misc]
        time.sleep(moments.uniform(0.0, 2.0))
        service.kill_streaming()
        service.start_streaming()
    producer.stop_traffic()
    producer.repeat(100)
    service.wait_for(len(producer.sent))
    assert_nothing_lost(service, producer)
    check_flush(service, producer)


def check_flush(service: Service, producer: Producer) -> None:
    """FLUSHALL: an alarm; `headwater rebuild` restores exactly."""
    service.client.flushall()
    producer.send(10, users=1)
    producer.flush()
    wait_until(lambda: bool(service.client.hget(keyspace.STREAMING_STATUS, "state_lost")), "the alarm")
    assert "the state in Redis is gone" in service.log()
    service.headwater("rebuild")
    # Of all partitions, though the ten events reached only one.
    service.wait_for(len(producer.sent))
    assert_state(service.client, producer)
    assert service.client.hget(keyspace.STREAMING_STATUS, "state_lost") is None


def test_a_redis_that_comes_back_with_an_older_state_is_brought_up_to_date(
    service: Service, producer: Producer
) -> None:
    producer.send(300)
    producer.flush()
    service.wait_for(300)
    older = files_of(service)
    for _ in range(3):
        producer.send(100)
        producer.flush()
        service.wait_for(len(producer.sent), lake_too=False)
    # Its disk held less than it had answered for: as after a power cut with appendfsync everysec.
    service.kill_redis()
    for path, content in older.items():
        path.write_bytes(content)
    service.start_redis()
    went_back: Any = service.applied(keyspace.APPLIED_ONLINE)
    assert went_back == 300
    producer.send(50)
    producer.flush()
    wait_until(lambda: service.applied(keyspace.APPLIED_ONLINE) >= 650, "the gap is filled")
    service.wait_for(650)
    assert "applying it again" in service.log()
    assert_nothing_lost(service, producer)
    check_that_a_failed_query_ends_the_service(service, producer)


def check_that_a_failed_query_ends_the_service(service: Service, producer: Producer) -> None:
    """Its supervisor starts it again (tests/stack/run/test_supervisor.py)."""
    offsets = Path(service.env["CHECKPOINTS_URI"]) / "lake-v1" / "offsets"
    offsets.rename(offsets.with_name("offsets-aside"))
    offsets.touch()
    producer.send(10)
    producer.flush()
    assert service.wait_for_end() == 1
    assert "query lake ended: " in service.log()


def files_of(service: Service) -> dict[Any, bytes]:
    """Redis' append-only files as they are on disk."""
    folder = service.folder / "redis"
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
