from __future__ import annotations

from pathlib import Path

from clients.whole_file import write_whole


def test_the_file_is_replaced_and_nothing_stays_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "progress.json"
    for text in ("a longer text", "short"):
        write_whole(path, text)
        assert path.read_text() == text
    assert [entry.name for entry in tmp_path.iterdir()] == ["progress.json"]


def test_a_reader_that_has_the_file_open_keeps_the_old_text(tmp_path: Path) -> None:
    path = tmp_path / "progress.json"
    write_whole(path, "old")
    with path.open() as reader:
        write_whole(path, "new")
        assert reader.read() == "old"
