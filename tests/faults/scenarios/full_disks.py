"""A full disk under the lake, the checkpoints, Kafka's log and Redis.

Each time: it is said, what was written stays readable and whole, and with space everything goes on.
"""

from __future__ import annotations

from pathlib import Path

from contracts.stored import keyspace
from tests.faults.processes import wait_until
from tests.faults.recount import assert_nothing_lost
from tests.faults.scenarios.scenario import Running, counts, running, seconds_until
from tests.faults.scenarios.small_disk import SmallDisk, small_disk

_NO_SPACE = "No space left on device"


def under_the_lake(folder: Path) -> str:
    """The service ends with its reason; the table keeps whole batches only."""
    with small_disk(folder / "lake") as disk, running(folder, seed=1) as stack:
        return _ends_and_goes_on(stack, disk)


def under_the_checkpoints(folder: Path) -> str:
    """The service ends with its reason, and its next start needs no repair."""
    with small_disk(folder / "checkpoints") as disk, running(folder, seed=2) as stack:
        return _ends_and_goes_on(stack, disk)


def _ends_and_goes_on(stack: Running, disk: SmallDisk) -> str:
    service, producer = stack.service, stack.producer
    disk.fill()
    producer.start_traffic(per_second=200)
    code = service.wait_for_end()
    producer.stop_traffic()
    assert code == 1, f"exit code {code}, not 1"
    assert _NO_SPACE in service.log()
    assert "query lake ended: " in service.log()
    rows = service.lake_rows()  # readable, and nothing of it twice
    places = {(row["kafka_partition"], row["kafka_offset"]) for row in rows}
    assert len(places) == len(rows) >= 300
    disk.free()
    service.start_streaming()
    recovered = seconds_until(lambda: service.wait_for(producer.records))
    assert_nothing_lost(service, producer)
    return f"ended with 1 and its reason; {counts(stack)}; caught up in {recovered:.0f} s"


def under_kafka(folder: Path) -> str:
    """The broker ends, as Kafka does where its only log folder fails; clients wait for its return."""
    with small_disk(folder / "broker" / "data") as disk, running(folder, seed=3) as stack:
        broker, service, producer = stack
        disk.fill()
        producer.start_traffic(per_second=200)
        wait_until(lambda: not broker.is_alive(), "the broker ends")
        disk.free()
        broker.start()
        producer.stop_traffic()
        recovered = seconds_until(lambda: service.wait_for(producer.records))
        service.check()  # it was never started again
        assert_nothing_lost(service, producer)
        return f"streaming stayed alive; {counts(stack)}; caught up in {recovered:.0f} s"


def under_redis(folder: Path) -> str:
    """The online query waits and says why, the lake goes on, and nobody has to restart anything."""
    with small_disk(folder / "redis") as disk, running(folder, seed=4) as stack:
        _, service, producer = stack
        disk.fill()
        producer.start_traffic(per_second=200)
        wait_until(lambda: "Redis cannot write to its disk" in service.log(), "it is said")
        in_lake = len(service.lake_rows())
        wait_until(lambda: len(service.lake_rows()) > in_lake, "the lake goes on")
        service.check()
        producer.stop_traffic()
        assert service.applied_records(keyspace.APPLIED_ONLINE) < producer.records
        disk.free()
        recovered = seconds_until(lambda: service.wait_for(producer.records))
        service.check()
        assert_nothing_lost(service, producer)
        return f"streaming stayed alive, the lake went on; {counts(stack)}; caught up in {recovered:.0f} s"
