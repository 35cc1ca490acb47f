from __future__ import annotations

from pathlib import Path

from ingest.files.rejected_lines import SHOWN, RejectedLine, RejectedLines


def test_all_are_counted_and_the_first_are_shown() -> None:
    shown: list[str] = []
    rejected = RejectedLines(shown.append)
    for line in range(1, 101):
        rejected.add(Path("ratings.csv"), line, "3 columns instead of 4")
    assert rejected.count == 100
    assert shown[0] == "ratings.csv:1: 3 columns instead of 4"
    assert len(shown) == SHOWN + 1
    assert shown[-1] == "further rejected lines are counted, not shown"


def test_a_rejected_line_reads_like_a_compilers_message() -> None:
    assert (
        str(RejectedLine(Path("a/b.csv"), 7, "value 'x' is not a number"))
        == "a/b.csv:7: value 'x' is not a number"
    )
