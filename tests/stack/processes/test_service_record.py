from __future__ import annotations

from pathlib import Path

import pytest

from stack.processes.identity import Identity
from stack.processes.service_record import ServiceRecord

RECORD = ServiceRecord("streaming", Identity(7, 1_700_000_000.25), (Identity(8, 1_700_000_001.0),))


def test_a_written_record_is_read_back(tmp_path: Path) -> None:
    RECORD.write(tmp_path)
    assert ServiceRecord.read(tmp_path / "streaming.json") == RECORD
    assert [path.name for path in tmp_path.iterdir()] == ["streaming.json"]


def test_a_record_without_a_format_number_is_read() -> None:
    old = '{"name": "streaming", "process": [7, 1700000000.25], "started_later": [[8, 1700000001.0]]}'
    assert ServiceRecord.decode(old) == RECORD


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "x", "pro',
        "[]",
        '{"name": "x", "process": [7], "started_later": []}',
        '{"name": "x", "process": ["7", 1.0], "started_later": []}',
        '{"name": "x", "process": [7, 1.0], "started_later": [[8]]}',
    ],
)
def test_an_incomplete_record_is_ignored(tmp_path: Path, text: str) -> None:
    broken = tmp_path / "x.json"
    broken.write_text(text)
    assert ServiceRecord.read(broken) is None
