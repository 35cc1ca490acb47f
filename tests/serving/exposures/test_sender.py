from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress

import pytest

from contracts.topics import EXPOSURES, MAX_EVENT_BYTES, Topic
from serving.exposures import sender
from serving.exposures.count import ExposureCount
from serving.exposures.sender import ExposureSender
from serving.writes.event_log import Entry, EventLog, EventLogError


class Kafka(EventLog):
    """Accepts records, or refuses them like a broker that is down."""

    def __init__(self, away: bool = False) -> None:
        self.away, self.records = away, list[bytes]()

    async def append(self, events: Sequence[Entry], topic: Topic = EXPOSURES) -> dict[int, int]:
        assert topic is EXPOSURES
        if self.away:
            raise EventLogError("away")
        self.records += [event.to_json() for event in events]
        return {0: len(self.records)}


class SlowKafka(Kafka):
    """Accepts records after a moment, and says when the first has come."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = asyncio.Event()

    async def append(self, events: Sequence[Entry], topic: Topic = EXPOSURES) -> dict[int, int]:
        self.begun.set()
        await asyncio.sleep(0.05)
        return await super().append(events, topic)


class SilentKafka(EventLog):
    """Acknowledges nothing."""

    def __init__(self) -> None:
        pass

    async def append(self, events: Sequence[Entry], topic: Topic = EXPOSURES) -> dict[int, int]:
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")


class GivenLists:
    """A sender that an API has given lists, and their count."""

    def __init__(self, kafka: EventLog, *lists: bytes) -> None:
        self.count = ExposureCount(None)
        self.sender = ExposureSender(kafka, self.count)
        asyncio.run(self.give(*lists))

    async def give(self, *lists: bytes, rest: bytes = b"") -> None:
        lines = asyncio.StreamReader()
        lines.feed_data(b"".join(each + b"\n" for each in lists) + rest)
        lines.feed_eof()
        self.count.note(len(lists))
        await self.sender.read(lines)

    @property
    def counts(self) -> tuple[int, int, int]:
        """How many lists were sent, dropped, and neither."""
        dropped = self.count.dropped_lists
        return self.count.settled_lists - dropped, dropped, self.count.unsettled_lists


def a_list(letters: int = 1, letter: str = "a") -> bytes:
    return json.dumps({"session_id": letter * letters}, ensure_ascii=False).encode()


def lists_in(record: bytes) -> int:
    return len(json.loads(record)["exposures"])


def test_each_list_is_sent_once_and_many_in_a_record() -> None:
    kafka = Kafka()
    given = GivenLists(kafka, *(a_list(letters) for letters in range(1200)))
    asyncio.run(given.sender.send())
    asyncio.run(given.sender.send())
    (record,) = kafka.records
    assert [len(each["session_id"]) for each in json.loads(record)["exposures"]] == list(range(1200))
    assert given.counts == (1200, 0, 0)


def test_a_line_that_was_cut_off_by_the_end_of_the_api_is_not_sent() -> None:
    kafka = Kafka()
    given = GivenLists(kafka)
    asyncio.run(given.give(a_list(), rest=b'{"session_id'))
    asyncio.run(given.sender.close())
    assert kafka.records == [b'{"schema_version":1,"exposures":[{"session_id": "a"}]}']


@pytest.mark.parametrize(("letter", "records"), [("a", 2), ("\u20ac", 6)])
def test_a_record_is_filled_and_never_larger_than_kafka_takes(letter: str, records: int) -> None:
    kafka = Kafka()
    asyncio.run(GivenLists(kafka, *(a_list(4000, letter) for _ in range(400))).sender.send())
    assert len(kafka.records) == records
    assert max(map(len, kafka.records)) < MAX_EVENT_BYTES


def test_lists_that_do_not_fit_into_one_record_have_one_each() -> None:
    kafka = Kafka()
    asyncio.run(GivenLists(kafka, *map(a_list, (10, 600_000, 600_000, 990_000, 10))).sender.send())
    assert [round(len(record), -4) for record in kafka.records] == [600_000, 600_000, 990_000, 0]


def test_lists_shown_while_a_record_is_on_its_way_wait_for_the_next_time() -> None:
    class BusyKafka(Kafka):
        async def append(self, events: Sequence[Entry], topic: Topic = EXPOSURES) -> dict[int, int]:
            await given.give(a_list())
            assert len(self.records) < 2
            return await super().append(events, topic)

    kafka = BusyKafka()
    given = GivenLists(kafka, a_list(600_000), a_list(600_000))
    asyncio.run(given.sender.send())
    assert [lists_in(record) for record in kafka.records] == [1, 2]


def test_lists_that_kafka_does_not_take_are_dropped_and_the_log_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    kafka = Kafka(away=True)
    given = GivenLists(kafka, *map(a_list, range(5)))
    asyncio.run(given.sender.send())
    asyncio.run(given.give(a_list()))
    asyncio.run(given.sender.send())
    assert given.counts == (0, 6, 0)
    assert caplog.text.count("dropped from now on") == 1
    kafka.away = False
    asyncio.run(given.give(a_list()))
    asyncio.run(given.sender.send())
    assert given.counts == (1, 6, 0)


@pytest.mark.parametrize("kafka", [SilentKafka(), Kafka(away=True)])
def test_lists_that_kafka_has_not_taken_when_the_api_has_ended_are_left_unsettled(
    monkeypatch: pytest.MonkeyPatch, kafka: EventLog
) -> None:
    monkeypatch.setattr(sender, "LAST_SECONDS", 0.01)
    given = GivenLists(kafka, *(a_list(2000) for _ in range(700)))  # more than a record takes
    asyncio.run(given.sender.close())
    assert given.counts == (0, 0, 700)


def test_a_record_that_is_on_its_way_when_the_api_ends_is_awaited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "SEND_SECONDS", 0.0)
    kafka = SlowKafka()
    given = GivenLists(kafka, a_list())

    async def stop_in_the_middle() -> None:
        running = asyncio.create_task(given.sender.run())
        await kafka.begun.wait()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await given.sender.close()

    asyncio.run(stop_in_the_middle())
    assert len(kafka.records) == 1
    assert given.counts == (1, 0, 0)
