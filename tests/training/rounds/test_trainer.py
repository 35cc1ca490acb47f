from __future__ import annotations

import logging
from typing import Any, cast

import pytest

from contracts.settings import TrainingSettings
from contracts.stored.manifest import Manifest
from contracts.stored.statuses import TrainingStatus
from tests.manifests import a_manifest
from training.data import dataset
from training.drift.asked_rounds import AskedRound
from training.registry.outcome import TrainingError
from training.rounds.round import Round, RoundResult
from training.rounds.trainer import Trainer, has_settled


@pytest.mark.parametrize(
    ("events", "before", "settled"),
    [(0, 0, False), (100, 0, False), (5000, 1000, False), (5050, 5000, True), (5000, 5000, True)],
)
def test_the_first_round_waits_for_the_end_of_a_replay_and_not_for_live_traffic(
    events: int, before: int, settled: bool
) -> None:
    assert has_settled(events, before) == settled


class NotedPublisher:
    """Keeps the statuses that a trainer writes; no model is served."""

    def __init__(self) -> None:
        self.statuses: list[TrainingStatus] = []

    def current_manifest(self) -> Manifest | None:
        return None

    def current_version(self) -> str | None:
        return None

    def write_status(self, status: TrainingStatus) -> None:
        self.statuses.append(status)


@pytest.fixture
def rounds(monkeypatch: pytest.MonkeyPatch) -> list[Round]:
    """Replaces `train`: notes the calls, and publishes at once."""
    asked: list[Round] = []

    def publish(run: Round) -> RoundResult:
        asked.append(run)
        return RoundResult("published", a_manifest("v2", cause=run.cause))

    monkeypatch.setattr("training.rounds.trainer.train", publish)
    return asked


@pytest.mark.parametrize(("full", "warm_rounds"), [(False, 9), (True, 0)])
def test_a_round_for_drift_says_why_and_is_a_full_fit_where_drift_asks_for_one(
    rounds: list[Round], caplog: pytest.LogCaptureFixture, full: bool, warm_rounds: int
) -> None:
    publisher = NotedPublisher()
    trainer = Trainer(cast(Any, None), TrainingSettings(warm_rounds=9), cast(Any, publisher))
    cause = "drift: level of ratings went from 60.0% to 30.0%"
    with caplog.at_level(logging.INFO, "headwater.training"):
        trainer.train_once(None, AskedRound(cause, full))
    (run,) = rounds
    assert (run.cause, run.settings.warm_rounds) == (cause, warm_rounds)
    assert publisher.statuses[-1].cause == cause
    assert caplog.messages[0] == f"a {'full' if full else 'warm'} round is asked for: {cause}"
    assert caplog.messages[1].endswith(cause)
    trainer.train_once()
    assert rounds[1].cause is None
    assert publisher.statuses[-1].cause == ""


def test_drift_asks_again_for_a_round_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Round) -> RoundResult:
        raise TrainingError("Redis is away")

    monkeypatch.setattr("training.rounds.trainer.train", fail)
    monkeypatch.setattr("training.rounds.trainer.give_back_memory", lambda _: None)
    trainer = Trainer(cast(Any, None), TrainingSettings(drift_min_seconds=60), cast(Any, NotedPublisher()))
    asked = AskedRound("drift: level of ratings went from 60.0% to 30.0%", full=False)
    trainer._try_round(None, asked)
    assert trainer.drift.rounds.due() == asked


def test_an_error_in_the_drift_check_is_logged_and_asks_for_no_round(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    trainer = Trainer(cast(Any, None), TrainingSettings(), cast(Any, NotedPublisher()))

    def fail() -> None:
        raise OSError("no lake")

    monkeypatch.setattr(trainer.drift, "asks", fail)
    assert trainer._asked_by_drift() is None
    assert caplog.messages == ["drift cannot be watched: no lake"]


def test_a_lake_without_a_new_version_is_not_counted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    versions, counted = iter([3, 3, 4, None]), list[int]()

    class Rows:
        def count(self) -> int:
            return 10 * counted[-1]

    def read(_: object, uri: str, version: int) -> Rows:
        counted.append(version)
        return Rows()

    monkeypatch.setattr(dataset, "newest_version", lambda *_: next(versions))
    monkeypatch.setattr(dataset, "read_interactions", read)
    trainer = Trainer(cast(Any, None), TrainingSettings(), cast(Any, NotedPublisher()))
    assert [trainer._new_events() for _ in range(4)] == [30, 30, 40, 0]
    assert counted == [3, 4]
