from __future__ import annotations

import threading
from pathlib import Path

import pytest

from streaming.runtime.hold_points import HOLD_POINTS, LAKE_COMMITTED, VARIABLE, hold


@pytest.mark.parametrize("point", HOLD_POINTS)
def test_nothing_holds_unless_asked(point: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    hold(point)
    monkeypatch.setenv(VARIABLE, "")
    hold(point)


def test_the_named_point_alone_holds_until_its_file_is_removed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mark = tmp_path / "holds"
    monkeypatch.setenv(VARIABLE, f"{LAKE_COMMITTED}={mark}")
    for point in HOLD_POINTS:
        if point != LAKE_COMMITTED:
            hold(point)
    assert not mark.exists()
    held = threading.Thread(target=hold, args=(LAKE_COMMITTED,))
    held.start()
    while not mark.exists():
        assert held.is_alive()
    mark.unlink()
    held.join(10)
    assert not held.is_alive()
