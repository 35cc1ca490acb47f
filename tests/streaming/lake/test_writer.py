from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest

from streaming.lake.writer import LakeWriter, ReplacedWriterError


class PlainFiles:
    """Replaces clients/stored_files.py, which needs Spark."""

    def read(self, uri: str) -> str:
        return Path(uri).read_text()

    def replace(self, uri: str, text: str) -> None:
        Path(uri).write_text(text)


@pytest.fixture
def uri(tmp_path: Path) -> str:
    return str(tmp_path)


def writer(uri: str) -> LakeWriter:
    made = LakeWriter(cast(Any, PlainFiles()), uri)
    made.take_over()
    return made


def test_of_two_services_on_one_lake_the_later_one_writes_and_the_earlier_one_ends(uri: str) -> None:
    first = writer(uri)
    first.check()
    second = writer(uri)
    second.check()
    for _ in range(2):
        with pytest.raises(ReplacedWriterError, match="LAKE_URI"):
            first.check()
    second.check()


def test_a_missing_file_is_written_again_and_half_a_file_counts_as_none(uri: str) -> None:
    only, path = writer(uri), Path(uri) / "_streaming.json"
    path.unlink()
    only.check()
    assert json.loads(path.read_text())["writer"]
    path.write_text('{"wri')
    only.check()
    assert path.read_text() == '{"wri'
