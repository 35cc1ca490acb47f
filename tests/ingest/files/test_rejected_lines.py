from __future__ import annotations

from pathlib import Path

from ingest.files.rejected_lines import SHOWN, RejectedLines


def test_all_rejected_lines_are_counted_and_the_first_are_shown() -> None:
    shown: list[str] = []
    rejected = RejectedLines(shown.append)
    for line in range(1, 101):
        rejected.add(Path("ratings.csv"), line, "3 columns instead of 4")
    assert rejected.count == 100
    assert shown[0] == "ratings.csv:1: 3 columns instead of 4"
    assert len(shown) == SHOWN + 1
    assert shown[-1] == "further rejected lines are counted, not shown"


def test_lines_counted_elsewhere_are_added_with_the_first_of_them() -> None:
    rejected = RejectedLines(lambda text: None)
    rejected.add_all(1_000, (f"a.csv:{line}: no" for line in range(50)))
    assert (rejected.count, len(rejected.sample), rejected.sample[0]) == (1_000, SHOWN, "a.csv:0: no")
