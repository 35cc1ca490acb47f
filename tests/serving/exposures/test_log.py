from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from contextlib import suppress
from pathlib import Path

import pytest

from contracts.exposures import Exposure
from serving.exposures import log
from serving.exposures.count import ExposureCount, dead_counts
from serving.exposures.log import ExposureLog
from serving.exposures.text import exposure_in
from serving.question.candidate import EXPLORED, Candidate, User
from serving.question.list_options import ListOptions
from serving.telemetry.metrics import Metrics
from tests.serving.conftest import settings_of

PAGE = [Candidate("i1", 0.5, "fresh"), Candidate("i2", 0.4, "als")]
ANN = User("ann", model_version="v1")


class Kafka:
    """A sender that sends what it takes. One that is stuck takes nothing, one that is slow sends nothing."""

    def __init__(self, count: ExposureCount | None = None, stuck: bool = False, slow: bool = False) -> None:
        self.count, self.stuck, self.slow = count or ExposureCount(None), stuck, slow
        self.lists: list[bytes] = []

    def take(self, waiting: deque[bytes]) -> None:
        if not self.stuck:
            self.lists += map(exposure_in, waiting)
            self.count.settle(0 if self.slow else len(waiting))
            waiting.clear()

    async def end(self, waiting: deque[bytes]) -> None:
        self.take(waiting)

    @property
    def exposures(self) -> list[Exposure]:
        return [Exposure.model_validate_json(each) for each in self.lists]


def log_over(kafka: Kafka, metrics: Metrics | None = None, **settings: object) -> ExposureLog:
    over = settings_of(**({"exposures": True} | settings))
    return ExposureLog(over, kafka, kafka.count, metrics or Metrics())


def show(over: ExposureLog, lists: int = 1) -> list[str]:
    """Give answers; their ids."""
    ids = [over.issue(ANN, "fresh") for _ in range(lists)]
    for each in ids:
        over.note("user", each, ANN, PAGE)
    return ids


def exposures_counted(metrics: Metrics) -> tuple[float, float]:
    """How many lists were sent, and dropped."""
    sent, dropped = (
        metrics.registry.get_sample_value("headwater_api_exposures_total", {"outcome": outcome}) or 0.0
        for outcome in ("sent", "dropped")
    )
    return sent, dropped


def test_each_list_is_handed_over_once_with_the_id_of_its_answer() -> None:
    kafka, metrics = Kafka(), Metrics()
    over = log_over(kafka, metrics)
    ids = show(over, 1200)
    over.hand_over()
    over.hand_over()
    assert [shown.recommendation_id for shown in kafka.exposures] == ids
    assert exposures_counted(metrics) == (1200, 0)


@pytest.mark.parametrize("explored", [False, True])
def test_an_exposure_says_what_the_answer_knew(explored: bool) -> None:
    kafka = Kafka()
    last = Candidate("i3", 0.25, EXPLORED if explored else "als")
    fresh = User("bob", fresh_list=[("i1", 1.0)], fresh_read_at_ms=7, applied_through=8)
    before = time.time_ns() // 1_000_000
    over = log_over(kafka)
    over.note("group", "r", fresh, [*PAGE, last], ListOptions(3, offset=5, arm="e/1:a"), "s")
    over.note("rank", "r", User(""), PAGE)
    over.hand_over()
    shown, plain = kafka.exposures
    assert (shown.kind, shown.user_id, shown.session_id, shown.arm) == ("group", "bob", "s", "e/1:a")
    assert (shown.history_read_at, shown.applied_through) == (7, 8)
    assert before <= shown.event_time <= time.time_ns() // 1_000_000
    assert [(item.item_id, item.rank, item.source, item.propensity) for item in shown.items] == [
        ("i1", 6, "fresh", None),
        ("i2", 7, "als", None),
        ("i3", 8, last.source, 0.25 if explored else None),
    ]
    assert plain.model_dump(exclude_defaults=True, exclude={"items", "event_time"}) == {
        "recommendation_id": "r",
        "kind": "rank",
    }
    assert [item.rank for item in plain.items] == [1, 2]


def test_lists_are_handed_over_while_the_api_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "IDLE_SECONDS", 0.001)
    kafka = Kafka()
    over = log_over(kafka)

    async def scenario() -> None:
        running = asyncio.create_task(over.run())
        for shown in range(1, 3):
            show(over)
            while len(kafka.lists) < shown:
                await asyncio.sleep(0.001)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running

    asyncio.run(asyncio.wait_for(scenario(), 20))


def test_the_bound_is_on_all_that_kafka_has_not_taken_and_what_is_beyond_it_is_dropped() -> None:
    kafka, metrics = Kafka(slow=True), Metrics()
    over = log_over(kafka, metrics, exposures_waiting=5)
    show(over, 3)
    over.hand_over()
    over.add("{}", "{}", "{}", "{}")
    assert exposures_counted(metrics) == (0, 2)
    kafka.slow = False
    kafka.count.settle(3)
    over.hand_over()
    assert exposures_counted(metrics) == (5, 2)
    show(over)
    assert exposures_counted(metrics) == (5, 2)


def test_lists_that_the_sender_has_dropped_are_in_the_metrics() -> None:
    kafka, metrics = Kafka(stuck=True), Metrics()
    over = log_over(kafka, metrics)
    show(over, 3)
    kafka.count.drop(2)
    over.hand_over()
    over.hand_over()
    assert exposures_counted(metrics) == (0, 2)


def test_lists_that_are_left_when_the_api_stops_are_in_its_log_and_its_count(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kafka = Kafka(ExposureCount(tmp_path), stuck=True)
    over = log_over(kafka, exposures_waiting=700)
    show(over, 701)  # one found no room: that is in the metrics of a process that lived
    asyncio.run(over.close())
    assert "700 lists are not in the topic" in caplog.text
    assert [dead.lost for dead in dead_counts(tmp_path)] == [700]


def test_a_stop_hands_over_what_waits_and_leaves_nothing_behind(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kafka, metrics = Kafka(ExposureCount(tmp_path)), Metrics()
    over = log_over(kafka, metrics)
    ids = show(over, 2)
    asyncio.run(over.close())
    assert [json.loads(each)["recommendation_id"] for each in kafka.lists] == ids
    assert exposures_counted(metrics) == (2, 0)
    assert caplog.text == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("enabled", "page"), [(False, PAGE), (True, [])])
def test_no_exposure_is_recorded_if_recording_is_off_or_the_list_is_empty(
    enabled: bool, page: list[Candidate]
) -> None:
    kafka = Kafka()
    over = log_over(kafka, exposures=enabled)
    over.note("user", "r", ANN, page)
    over.hand_over()
    assert kafka.lists == []
