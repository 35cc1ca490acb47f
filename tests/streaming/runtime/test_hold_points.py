from __future__ import annotations

import threading
from pathlib import Path

import pytest

from streaming.runtime import hold_points
from streaming.runtime.hold_points import (
    HOLD_POINTS,
    LAKE_COMMITTED,
    STATE_WRITTEN,
    VARIABLE,
    hold,
    pass_file,
)


@pytest.mark.parametrize("point", HOLD_POINTS)
def test_nothing_is_held_by_default(point: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    hold(point)
    monkeypatch.setenv(VARIABLE, "")
    hold(point)


@pytest.mark.parametrize("named", [(LAKE_COMMITTED,), (LAKE_COMMITTED, STATE_WRITTEN)])
def test_only_the_named_points_hold_and_each_until_its_file_is_removed(
    named: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(VARIABLE, ",".join(f"{point}={tmp_path / point}" for point in named))
    monkeypatch.setattr(hold_points, "_POLL_SECONDS", 0.01)
    for point in HOLD_POINTS:
        if point not in named:
            hold(point)
    assert not list(tmp_path.iterdir())
    for point in named:
        held = threading.Thread(target=hold, args=(point,))
        held.start()
        while not (tmp_path / point).exists():
            assert held.is_alive()
        (tmp_path / point).unlink()
        held.join(60)
        assert not held.is_alive()


def test_a_point_that_may_be_passed_holds_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    monkeypatch.setenv(VARIABLE, f"{LAKE_COMMITTED}={mark}")
    pass_file(mark).touch()
    hold(LAKE_COMMITTED)
    assert mark.exists()  # it was reached
