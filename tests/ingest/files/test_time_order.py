from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.files.encoding import EncodedEvent
from ingest.files.time_order import in_time_order


def _events(times: list[int]) -> list[EncodedEvent]:
    return [EncodedEvent(time, place, b"u%d" % place, b"{}") for place, time in enumerate(times)]


@given(st.lists(st.integers(0, 20), max_size=120), st.integers(1, 30), st.integers(2, 5))
def test_any_number_of_runs_gives_the_order_of_one_sort(times: list[int], run: int, at_once: int) -> None:
    events = _events(times)
    assert list(in_time_order(events, run, at_once)) == sorted(events, key=lambda event: event.time_ms)


def test_few_events_never_touch_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "TemporaryDirectory", None)
    assert len(list(in_time_order(_events([3, 1, 2]), run_events=3))) == 3


def test_what_is_in_order_already_becomes_one_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    ordered = in_time_order(_events(list(range(100))), run_events=10)
    next(ordered)
    assert [path.name for path in tmp_path.glob("*/*")] == ["run-0"]
    ordered.close()


def test_nothing_is_left_on_the_disk_also_when_the_reader_stops(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    ordered = in_time_order(_events([5, 4, 3, 2, 1] * 10), run_events=7)
    next(ordered)
    assert list(tmp_path.iterdir())
    ordered.close()
    assert not list(tmp_path.iterdir())
