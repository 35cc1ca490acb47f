from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from streaming.pipeline import Pipeline, let_online_catch_up

WELL: Any = SimpleNamespace(is_alive=lambda: True)
DEAD: Any = SimpleNamespace(is_alive=lambda: False, error=ConnectionError("no Redis"))


def test_a_pipeline_has_ended_when_any_of_its_parts_has() -> None:
    gone: Any = SimpleNamespace(name="lake", isActive=False, exception=lambda: None)
    running = Pipeline([], online=WELL, catch_up=WELL, repeated=[])
    assert running.end_reason() is None
    assert running._replace(queries=[gone]).end_reason() == "query lake ended: no reason given"
    assert running._replace(online=DEAD).end_reason() == "online ended: ConnectionError('no Redis')"
    assert running._replace(catch_up=DEAD).end_reason() == "catch-up ended: ConnectionError('no Redis')"


def test_the_lake_waits_until_the_online_query_has_caught_up() -> None:
    online: Any = SimpleNamespace(is_alive=lambda: True, is_catching_up=True)
    waits: list[float] = []

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        online.is_catching_up = len(waits) < 3
        return False

    assert let_online_catch_up(online, wait)
    assert len(waits) == 3


def test_the_lake_does_not_wait_for_an_online_query_that_has_ended() -> None:
    online: Any = SimpleNamespace(is_alive=lambda: False, is_catching_up=True)
    assert let_online_catch_up(online, _never_called)


def test_a_service_that_is_stopping_no_longer_waits_and_starts_no_lake() -> None:
    online: Any = SimpleNamespace(is_alive=lambda: True, is_catching_up=True)
    waits: list[float] = []

    def is_stopping(seconds: float) -> bool:
        waits.append(seconds)
        return True

    assert not let_online_catch_up(online, is_stopping, lambda: 0.0 if len(waits) < 2 else 1000.0)
    assert len(waits) == 1


def test_the_lake_waits_thirty_seconds_at_most_for_a_large_backlog() -> None:
    online: Any = SimpleNamespace(is_alive=lambda: True, is_catching_up=True)
    clock = iter(range(0, 1000, 10))
    waits: list[float] = []
    assert let_online_catch_up(
        online, lambda seconds: bool(waits.append(seconds)), lambda: float(next(clock))
    )
    assert len(waits) == 2


def _never_called(seconds: float) -> bool:
    raise AssertionError("it waits")
