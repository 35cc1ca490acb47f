from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from stack.demo.summary import Summary, seconds_line

SUMMARY = Summary(
    sent=10,
    acknowledged=9,
    rejected_lines=1,
    rejected_events=2,
    lake_rows=7,
    lake_distinct_events=6,
    redis_raters=5,
    users=4,
    items=3,
    model_version="20261128T121122-2ca4",
    metrics={"ndcg@10": 0.25},
    seconds={"replay": 1.5, "total": 9.0},
)


def test_a_written_summary_is_read_back(tmp_path: Path) -> None:
    SUMMARY.write(tmp_path / "summary.json")
    assert Summary.decode((tmp_path / "summary.json").read_text()) == SUMMARY


def test_a_file_of_an_earlier_version_is_read() -> None:
    old = """{
  "sent": 10, "acknowledged": 9, "rejected_lines": 1, "rejected_events": 2, "lake_rows": 7,
  "lake_distinct_events": 6, "redis_raters": 5, "users": 4, "items": 3,
  "model_version": "20261128T121122-2ca4", "metrics": {"ndcg@10": 0.25},
  "seconds": {"replay": 1.5, "total": 9.0}
}"""
    assert Summary.decode(old) == SUMMARY


def test_the_summary_shows_the_seconds_of_the_steps_and_below_them_those_of_the_installation() -> None:
    assert seconds_line(SUMMARY) == "This run took 9 s: replay 1.5"
    installed = replace(SUMMARY, installation_seconds={"environment": 6.0, "Spark": 31.25})
    assert seconds_line(installed).splitlines()[1:] == [
        "The installation had taken 37 s: environment 6.0, Spark 31.2"
    ]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"sent": 1}'])
def test_a_file_that_is_not_a_summary_is_refused(text: str) -> None:
    with pytest.raises((ValueError, TypeError)):
        Summary.decode(text)
