from __future__ import annotations

import io
import json
import time
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from contracts.stored.ingest_progress import IngestProgress
from ingest.sending.progress import in_words, reporting, write_progress

PROGRESS = IngestProgress(sent=2000, acknowledged=1, rejected_lines=3)


def test_the_progress_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "progress.json"
    for sent in (1, 2):
        write_progress(path, IngestProgress(sent=sent))
        assert IngestProgress.decode(path.read_text()) == IngestProgress(sent=sent)
    assert [entry.name for entry in tmp_path.iterdir()] == ["progress.json"]


def test_the_progress_file_exists_from_the_start_and_follows_the_counts(tmp_path: Path) -> None:
    path, counts = tmp_path / "deep" / "progress.json", [PROGRESS]
    with reporting(lambda: counts[-1], path, Console(file=io.StringIO())):
        assert json.loads(path.read_text())["sent"] == 2000
        counts.append(replace(PROGRESS, sent=2500))
        deadline = time.monotonic() + 60
        while json.loads(path.read_text())["sent"] != 2500 and time.monotonic() < deadline:
            time.sleep(0.05)
    assert json.loads(path.read_text())["sent"] == 2500


@pytest.mark.parametrize("terminal", [True, False])
def test_the_progress_line_is_shown_only_on_a_terminal(terminal: bool) -> None:
    screen = io.StringIO()
    with reporting(lambda: PROGRESS, None, Console(file=screen, force_terminal=terminal)):
        deadline = time.monotonic() + (60 if terminal else 0.7)
        while "2,000 events sent" not in screen.getvalue() and time.monotonic() < deadline:
            time.sleep(0.05)
    assert ("2,000 events sent" in screen.getvalue()) == terminal


def test_the_progress_line_names_its_counts() -> None:
    assert in_words(PROGRESS) == "2,000 events sent, 1 acknowledged, 0 failed, 3 lines rejected"
    assert in_words(replace(PROGRESS, events_per_second=12_345)).endswith("(12,345/s)")


def test_catalogue_entries_are_named_where_some_were_sent() -> None:
    entries = IngestProgress(catalog_sent=1_000, catalog_acknowledged=998, failed=2)
    assert in_words(entries) == "1,000 catalogue entries sent, 998 acknowledged, 2 failed, 0 lines rejected"
    both = in_words(replace(entries, sent=5, acknowledged=5))
    assert both.startswith("1,000 catalogue entries sent, 998 acknowledged, 5 events sent, 5 acknowledged, ")
