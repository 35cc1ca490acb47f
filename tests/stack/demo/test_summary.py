from __future__ import annotations

from pathlib import Path

import pytest

from stack.demo.summary import Summary

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


def test_what_is_written_is_read(tmp_path: Path) -> None:
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


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"sent": 1}'])
def test_what_is_no_summary_is_refused(text: str) -> None:
    with pytest.raises((ValueError, TypeError)):
        Summary.decode(text)
