from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from contracts.stored.lake import INTERACTIONS
from contracts.stored.ledgers import acknowledged_line, attempted_line
from stack.machine.errors import StackError
from stack.verify.ledgers import (
    EVENTS,
    PLACES,
    LedgerFormatError,
    read_lake,
    read_poison,
    read_rejected,
    read_sent,
)

ID = "0000000A-0000-0000-0000-000000000000"
FIELDS = {"event_id": ID, "event_type": "view", "user_id": "u", "item_id": "i", "value": 1.0, "event_time": 5}
EVENT = json.dumps(FIELDS).encode()


def _write(folder: Path, *lines: bytes) -> Path:
    file = folder / "ledger.jsonl"
    file.write_bytes(b"".join(lines))
    return file


def test_attempts_and_acknowledgements_of_all_files_are_read(tmp_path: Path) -> None:
    file = _write(tmp_path, attempted_line(EVENT), acknowledged_line(EVENT, 3, 12), attempted_line(b"?"))
    sent = read_sent([file, file])
    assert sent.schema == EVENTS
    assert sent.num_rows == 6
    assert sent.slice(1, 1).to_pylist() == [
        {
            "partition": 3,
            "offset": 12,
            "event_id": ID.lower(),  # as the lake has it
            "user_id": "u",
            "item_id": "i",
            "event_type": "view",
            "value": 1.0,
            "event_time": 5,
        }
    ]


@pytest.mark.parametrize("lines", [b"", b'{"event_id":"a"', b'{"event_id":"a"}\n{"ev'])
def test_an_incomplete_line_is_left_out(lines: bytes, tmp_path: Path) -> None:
    assert read_sent([_write(tmp_path, lines)]).num_rows == lines.count(b"\n")


@pytest.mark.parametrize("lines", [b"user,item\n1,2\n", b'{"offset":"x"}\n', b"\x00\xff\n"])
def test_the_error_names_a_file_that_is_not_a_ledger_with_the_cure(lines: bytes, tmp_path: Path) -> None:
    file = _write(tmp_path, lines)
    with pytest.raises(LedgerFormatError, match=r"ledger\.jsonl is no such ledger .*ingest --ledger FILE"):
        read_sent([file])
    with pytest.raises(LedgerFormatError, match="cannot be read"):
        read_sent([tmp_path])


def test_an_event_refused_twice_is_read_once_and_refused_catalogue_entries_are_not_read(
    tmp_path: Path,
) -> None:
    def line(topic: str, offset: int) -> bytes:
        origin = {"source_topic": topic, "source_partition": 1, "source_offset": offset}
        return json.dumps({"reason": "unknown event_type", **origin, "value": "\\xff"}).encode() + b"\n"

    file = _write(tmp_path, line("interactions", 4), line("catalog", 5), line("interactions", 4))
    rejected = read_rejected(file)
    assert rejected.schema == PLACES
    assert rejected.to_pylist() == [{"partition": 1, "offset": 4}]


def test_a_ledger_of_invalid_events_is_read_as_offsets(tmp_path: Path) -> None:
    file = _write(tmp_path, acknowledged_line(b"\xff", 2, 9), b'{"partition":0,"offset":1}\n')
    assert sorted(map(tuple, map(dict.values, read_poison(file).to_pylist()))) == [(0, 1), (2, 9)]


def test_the_lake_is_read_as_events(tmp_path: Path) -> None:
    moment = datetime(2024, 5, 1, 12, 0, 0, 250_000, timezone.utc)
    row = {
        "event_id": ID,
        "event_type": "rating",
        "user_id": "ü",
        "item_id": "i",
        "value": 3.5,
        "event_time": moment,
        "kafka_partition": 2,
        "kafka_offset": 7,
        "ingest_time": moment,
    }
    write_deltalake(INTERACTIONS.path(str(tmp_path)), pa.Table.from_pylist([row]))
    lake = read_lake(str(tmp_path))
    assert lake.schema == EVENTS
    (event,) = lake.to_pylist()
    assert (event["event_id"], event["event_time"]) == (ID.lower(), 1_714_564_800_250)
    assert (event["partition"], event["offset"], event["user_id"], event["value"]) == (2, 7, "ü", 3.5)


def test_a_missing_lake_is_an_error_that_names_the_cure(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"no interactions table at .*LAKE_URI"):
        read_lake(str(tmp_path))
