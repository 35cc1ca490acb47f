from __future__ import annotations

import os
from pathlib import Path

from ingest.sending.replay_mark import ReplayedMark, fingerprint


def test_a_mark_holds_only_for_the_source_it_was_written_for(tmp_path: Path) -> None:
    mark = ReplayedMark(tmp_path / "replayed", "a")
    assert not mark.is_there()
    mark.write()
    assert mark.is_there()
    assert not ReplayedMark(mark.path, "b").is_there()


def test_a_source_that_an_earlier_version_replayed_is_not_replayed_again(tmp_path: Path) -> None:
    (tmp_path / "replayed").write_text("as before\n")
    assert ReplayedMark(tmp_path / "replayed", "as now", earlier="as before").is_there()
    assert not ReplayedMark(tmp_path / "replayed", "as now", earlier="another").is_there()
    (tmp_path / "replayed").write_text("")
    assert not ReplayedMark(tmp_path / "replayed", "as now").is_there()


def test_a_changed_file_or_other_options_are_another_source(tmp_path: Path) -> None:
    ratings = tmp_path / "ratings.csv"
    ratings.write_text("1")
    before = fingerprint(str(tmp_path), "columns")
    assert fingerprint(str(tmp_path), "columns") == before
    assert fingerprint(str(tmp_path), None) != before
    os.utime(ratings, (1, 1))
    assert fingerprint(str(tmp_path), "columns") != before


def test_the_built_in_source_is_identified_by_its_options() -> None:
    assert fingerprint("synthetic", 100) == fingerprint("synthetic", 100)
    assert fingerprint("synthetic", 100) != fingerprint("synthetic", 200)
