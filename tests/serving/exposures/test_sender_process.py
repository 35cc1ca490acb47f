from __future__ import annotations

import asyncio
import json
import re
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest
import redis
from kafka import TopicPartition

from clients.topic_admin import create_topics, end_offsets, quiet_consumer
from contracts.exposures import Exposure, sum_of_losses
from contracts.settings import KafkaSettings
from contracts.stored import keyspace
from contracts.topics import EXPOSURES, TOPICS
from serving.exposures import sender_process
from serving.exposures.count import ExposureCount, dead_counts
from serving.exposures.sender_process import SenderProcess, kafka_environment
from tests.serving.conftest import ServedApi, settings_of, wait_for
from tests.serving.world import World

READ_ALL = "import sys; open({path!r}, 'wb').write(sys.stdin.buffer.read())"
READ_WHEN_ASKED = "import os, time\nwhile not os.path.exists({gate!r}): time.sleep(0.01)\n"
NEVER_END = "import time\nwhile True: time.sleep(1)"


@contextmanager
def sender_that_runs(
    code: str, count: ExposureCount | None = None, clock: Callable[[], float] = lambda: 0.0
) -> Iterator[SenderProcess]:
    """A sender that is another program."""
    sender = SenderProcess(
        settings_of(), count or ExposureCount(None), (sys.executable, "-S", "-c", code), clock
    )
    yield sender
    asyncio.run(sender.end(deque()))


def test_lists_come_to_the_process_in_order_and_what_it_has_no_room_for_waits(tmp_path: Path) -> None:
    lists = deque(b"%d %b" % (place, b"a" * 5000) for place in range(300))
    expected = b"".join(each + b"\n" for each in lists)
    path, gate = tmp_path / "lines", tmp_path / "gate"
    code = READ_WHEN_ASKED.format(gate=str(gate)) + READ_ALL.format(path=str(path))
    with sender_that_runs(code) as sender:
        sender.take(lists)
        assert len(lists) > 0
        gate.touch()
        asyncio.run(sender.end(lists))
    assert not lists
    assert path.read_bytes() == expected


def test_lists_of_a_dead_process_are_dropped_and_those_that_wait_are_sent_by_the_next(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, count, now = tmp_path / "lines", ExposureCount(None), [0.0]
    count.note(5)
    with sender_that_runs(READ_ALL.format(path=str(path)), count, lambda: now[0]) as sender:
        sender.take(deque([b"a", b"b", b"c"]))
        assert sender.pid
        process = psutil.Process(sender.pid)
        process.kill()
        wait_for(lambda: process.status() == psutil.STATUS_ZOMBIE)
        sender.take(waiting := deque([b"d", b"e"]))
        assert (count.dropped_lists, count.unsettled_lists) == (3, 2)
        assert "(exit code -9): 3 lists are dropped" in caplog.text
        assert len(waiting) == 2  # the next is not started before a while is over
        now[0] = 1.0
        sender.take(waiting)
        assert not waiting
    assert path.read_bytes() == b"d\ne\n"


def test_a_process_that_does_not_end_in_time_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender_process, "END_SECONDS", 0.01)
    with sender_that_runs(NEVER_END) as sender:
        sender.take(deque([b"{}"]))
        assert sender.pid
        process = psutil.Process(sender.pid)
    assert not process.is_running()


def test_lists_wait_while_no_process_can_be_started(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    sender = SenderProcess(settings_of(), ExposureCount(None), ("/no/such/program",), lambda: now[0])
    waiting = deque([b"{}"])
    for now[0] in (0.0, 1.0, 2.0):
        sender.take(waiting)
    assert len(waiting) == 1
    assert caplog.text.count("no process can be started") == 1


def test_the_process_has_the_settings_of_the_api(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of(
        kafka_bootstrap_servers="a:1,b:2",
        kafka_client="confluent",
        kafka_security_protocol="SASL_SSL",
        kafka_ssl_check_hostname=False,
        kafka_sasl_username="ann",
        kafka_sasl_password="secret",
        kafka_ssl_ca_file=__file__,
    )
    for name, value in kafka_environment(settings).items():
        monkeypatch.setenv(name, value)
    assert KafkaSettings().model_dump() == settings.model_dump(include=set(KafkaSettings.model_fields))


def _records_since(broker: str, ends: dict[int, int]) -> list[Exposure]:
    """The topic's records from these offsets on."""
    found: list[Exposure] = []
    with quiet_consumer(broker, 10) as consumer:
        for partition, end in end_offsets(broker, EXPOSURES.name).items():
            place = TopicPartition(EXPOSURES.name, partition)
            consumer.assign([place])
            consumer.seek(place, ends.get(partition, 0))
            while consumer.position(place) < end:
                for record in consumer.poll(timeout_ms=1000).get(place, []):
                    batch = json.loads(record.value)["exposures"]
                    found += [Exposure.model_validate(each) for each in batch]
    return found


def lost_lists(folder: Path) -> int:
    """How many lists the one dead process in the folder lost; 0 where it lost none and left no file."""
    found = [dead.lost for dead in dead_counts(folder)]
    assert len(found) <= 1
    return sum(found)


def test_a_killed_api_or_sender_loses_only_unsent_exposures_and_nothing_is_sent_twice(
    broker: str, redis_url: str, start_api: Callable[..., ServedApi], tmp_path: Path
) -> None:
    create_topics(broker, TOPICS)
    World().write(redis_url)
    before = end_offsets(broker, EXPOSURES.name)
    settings = {"redis_url": redis_url, "kafka_bootstrap_servers": broker, "kafka_timeout_seconds": 20}
    settings |= {"exposures": True, "exposure_counts_dir": str(tmp_path / "counts")}

    def ask(api: ServedApi, count: int) -> list[str]:
        with httpx.Client(base_url=api.url, timeout=30) as client:
            path = "/v1/users/ann/recommendations?session_id=killed-api"
            answers = [client.get(path).json() for _ in range(count)]
        return [answer["recommendation_id"] for answer in answers]

    def ids_in_topic() -> list[str]:
        # The APIs of other tests send to the same topic.
        records = _records_since(broker, before)
        return [each.recommendation_id for each in records if each.session_id == "killed-api"]

    def sender_of(api: ServedApi) -> psutil.Process:
        (child,) = psutil.Process(api.process.pid).children()
        return child

    api = start_api(**settings)
    first = ask(api, 20)
    wait_for(lambda: set(first) <= set(ids_in_topic()))
    sender = sender_of(api)
    sender.terminate()  # as when a terminal or a container stops: the API ends it
    first += ask(api, 20)
    wait_for(lambda: set(first) <= set(ids_in_topic()))
    assert sender_of(api) == sender
    sender.kill()
    sender.wait(20)  # until the API knows it
    sent = ask(api, 20)
    wait_for(lambda: set(sent) <= set(ids_in_topic()))
    waiting, sender = ask(api, 20), sender_of(api)
    api.process.kill()
    api.process.wait(20)
    sender.wait(20)  # it sends what it has
    lost = lost_lists(tmp_path / "counts")
    stopped = start_api(**settings)
    at_the_end = ask(stopped, 20)
    with redis.Redis.from_url(redis_url) as client:
        wait_for(lambda: sum_of_losses(client.hgetall(keyspace.LOST_EXPOSURES)).lists == lost)
    stopped.process.terminate()  # before it ends, it sends what is queued
    stopped.process.wait(20)
    found = ids_in_topic()
    assert len(found) == len(set(found))
    assert {*first, *sent} <= set(found) <= {*first, *sent, *waiting, *at_the_end}
    # On a busy machine Kafka may need longer than an API that stops waits: then the log says how many.
    said = re.search(r"(\d+) lists are not in the topic", stopped.log.read_text())
    assert len(set(at_the_end) - set(found)) <= (int(said[1]) if said else 0)
    # What had arrived and was not acknowledged yet counts as lost: the number is the most that is missing.
    assert len({*waiting} - set(found)) <= lost <= len({*first, *sent, *waiting})
