from __future__ import annotations

import threading

import pytest

from clients.event_producer import BrokerUnavailableError
from contracts.settings import StreamingSettings
from streaming.lake import margin
from streaming.lake.margin import LakeMargin, unread_share


@pytest.mark.parametrize(
    ("begin", "end", "in_lake", "share"),
    [
        (0, 100, 100, 0.0),
        (0, 100, 75, 0.25),
        (50, 100, 75, 0.5),
        (80, 100, 75, 1.0),  # Kafka has deleted what the lake lacks
        (100, 100, 75, 0.0),  # nothing is kept that could still be read
        (0, 0, 0, 0.0),
    ],
)
def test_the_used_share_of_retention_grows_with_the_lag_of_the_lake_and_with_deletions_by_kafka(
    begin: int, end: int, in_lake: int, share: float
) -> None:
    others = {"catalog:0": 5}
    found = unread_share(
        {"interactions:0": begin}, {"interactions:0": end, **others}, {"interactions:0": in_lake, **others}
    )
    assert found == share


def test_a_partition_that_the_lake_has_not_reached_yet_does_not_count() -> None:
    assert unread_share({}, {"interactions:1": 5}, {"interactions:0": 5}) == 0.0


def test_a_broker_that_hangs_or_goes_away_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The service's loop asks, and its lease would run out meanwhile."""
    asked, goes_on = threading.Semaphore(0), threading.Event()

    def topic_begins(*_: object) -> dict[str, int]:
        asked.release()
        goes_on.wait(60)
        raise BrokerUnavailableError("127.0.0.1:1")

    clock = iter(range(0, 10_000, 100))
    monkeypatch.setattr(margin, "topic_begins", topic_begins)
    lake_margin = LakeMargin(StreamingSettings(), clock=lambda: next(clock))
    lake_margin.report_if_due({"interactions:0": 5})
    assert asked.acquire(timeout=60)
    lake_margin.report_if_due({"interactions:0": 5})
    assert not asked.acquire(blocking=False)  # one at a time
    goes_on.set()
    assert lake_margin._asking is not None
    lake_margin._asking.join(60)
    lake_margin.report_if_due({"interactions:0": 5})
    assert asked.acquire(timeout=60)
