from __future__ import annotations

from pathlib import Path

from stack.processes.progress_file import IngestProgress, read_progress


def test_before_the_producer_began_all_counts_are_zero(tmp_path: Path) -> None:
    assert read_progress(tmp_path / "absent.json") == IngestProgress(0, 0, 0, 0, False)


def test_counts_are_read_and_further_keys_left_aside(tmp_path: Path) -> None:
    path = tmp_path / "progress.json"
    path.write_text(
        '{"sent": 5, "acknowledged": 4, "failed": 1, "rejected_lines": 2, "done": true, "more": 9}'
    )
    assert read_progress(path) == IngestProgress(5, 4, 1, 2, True)
