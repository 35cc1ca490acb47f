from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from clients.whole_file import replace_whole, sha256_of, write_whole


def test_the_file_is_replaced_and_no_temporary_file_stays(tmp_path: Path) -> None:
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


def test_a_write_that_fails_leaves_the_old_file_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "progress.json"
    write_whole(path, "old")

    def write_half() -> None:
        with replace_whole(path) as beside:
            beside.write_text("half")
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        write_half()
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["progress.json"]


def test_a_digest_covers_all_bytes(tmp_path: Path) -> None:
    content = bytes(range(256)) * 5000  # more than one read
    (tmp_path / "file").write_bytes(content)
    assert sha256_of(tmp_path / "file") == hashlib.sha256(content).hexdigest()
