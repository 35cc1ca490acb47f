"""One story: streaming is killed at named points, checkpoints are damaged, the broker hangs and dies."""

from __future__ import annotations

import gc
import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from clients.rejected_reader import read_rejected
from contracts.exit_codes import NEEDS_OPERATOR
from contracts.stored import keyspace
from streaming.runtime import hold_points
from tests.faults.poison import poison
from tests.faults.processes import Broker, Service, wait_until
from tests.faults.producer import Producer
from tests.faults.recount import assert_state, assert_verified
from tests.faults.unconnected_sockets import close_unconnected_sockets, no_broker
from tests.small_plans import SMALL_PLANS
from tests.streaming.model_in_redis import publish

BROKER_STANDS_STILL_SECONDS = 5


@pytest.fixture
def broker(jars: None, tmp_path: Path) -> Iterator[Broker]:
    running = Broker(tmp_path / "broker")
    yield running
    running.stop()
    close_unconnected_sockets()
    gc.collect()  # so that sockets that are left open fail this test and not the next one


@pytest.fixture
def service(broker: Broker, tmp_path: Path) -> Iterator[Service]:
    running = Service(broker.bootstrap, tmp_path)
    running.env["SPARK_CONF"] = json.dumps(SMALL_PLANS)
    running.start_redis()
    yield running
    running.stop()


@pytest.fixture
def producer(broker: Broker, tmp_path: Path) -> Iterator[Producer]:
    sending = Producer(broker.bootstrap, 7, tmp_path)
    yield sending
    sending.close()
    close_unconnected_sockets()


@pytest.mark.servers
def test_every_invariant_holds_whichever_process_dies_and_whatever_is_sent(
    broker: Broker, service: Service, producer: Producer
) -> None:
    producer.send(100)
    producer.flush()
    producer.poison(poison())
    producer.send(200)
    producer.flush()
    publish(service.client, "m", [f"i{n}" for n in range(60)])  # so that lists are made
    producer.start_traffic(per_second=100)
    # Each query at a point of its own: between the lake and its checkpoint, among the lists of a micro-batch.
    service.start_streaming(hold_points.LAKE_COMMITTED, hold_points.LISTS_WRITTEN)
    service.kill_at_hold_points()
    producer.stop_traffic()
    check_damaged_checkpoints(service)

    producer.start_traffic(per_second=100)
    service.start_streaming()
    check_broker(broker, service, producer)

    producer.stop_traffic()
    producer.repeat(200)
    service.wait_for(producer.records)
    rejected = {
        (event.source_partition, event.source_offset): event for event in read_rejected(broker.bootstrap)
    }
    assert len(rejected) == producer.poisoned
    assert all(event.reason for event in rejected.values())
    assert_state(service.client, producer)
    assert_verified(service, producer)


def check_damaged_checkpoints(service: Service) -> None:
    """Cut a checkpoint off, delete one, lose a batch's dead letters: all are refused, then repaired."""
    checkpoints = Path(service.env["CHECKPOINTS_URI"])
    newest = checkpoints / "lake-v1" / "offsets" / "0"
    newest.write_text(newest.read_text()[:-20])
    service.start_streaming()
    assert service.wait_for_end() == NEEDS_OPERATOR
    last = service.log().strip().splitlines()[-1]
    assert "query lake cannot be read" in last
    assert "Run `headwater repair` ('A checkpoint is lost' in docs/operations.md)" in last
    assert "Traceback" not in service.log()
    repaired = json.loads(service.headwater("repair", "--json"))
    assert [fault["query"] for fault in repaired["faults"]] == ["lake"]
    assert repaired["filled"] == {"accepted": 0, "rejected": len(poison())}
    assert repaired["lost"] == []


def check_broker(broker: Broker, service: Service, producer: Producer) -> None:
    """Let the broker hang, then die: the producer and streaming recover by themselves."""
    before = service.applied_records(keyspace.APPLIED_ONLINE)
    wait_until(lambda: service.applied_records(keyspace.APPLIED_ONLINE) > before, "it works again")
    broker.signal(signal.SIGSTOP)
    time.sleep(BROKER_STANDS_STILL_SECONDS)
    broker.signal(signal.SIGCONT)
    with no_broker():
        broker.signal(signal.SIGKILL)
        broker.start()
        producer.flush()
    reached = producer.records
    wait_until(lambda: service.applied_records(keyspace.APPLIED_ONLINE) >= reached, "the broker's return")
    service.check()
