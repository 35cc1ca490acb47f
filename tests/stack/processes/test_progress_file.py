from __future__ import annotations

from pathlib import Path

from contracts.stored.ingest_progress import IngestProgress
from stack.processes.progress_file import read_progress


def test_before_the_producer_began_all_counts_are_zero(tmp_path: Path) -> None:
    assert read_progress(tmp_path / "absent.json") == IngestProgress()


def test_counts_are_read_and_unknown_keys_are_ignored(tmp_path: Path) -> None:
    path = tmp_path / "progress.json"
    path.write_text(
        '{"sent": 5, "acknowledged": 4, "failed": 1, "rejected_lines": 2, "done": true, "more": 9}'
    )
    assert read_progress(path) == IngestProgress(
        sent=5, acknowledged=4, failed=1, rejected_lines=2, done=True
    )


def test_a_truncated_file_counts_as_no_progress(tmp_path: Path) -> None:
    path = tmp_path / "progress.json"
    path.write_text('{"sent": 5, "ackno')
    assert read_progress(path) == IngestProgress()
