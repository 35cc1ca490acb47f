"""The command as a user types it, over a real Delta table and a real Redis."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from typer.testing import CliRunner, Result

from contracts.events import Interaction
from contracts.settings import StateSettings
from contracts.stored import keyspace
from contracts.stored.lake import INTERACTIONS
from contracts.stored.ledgers import acknowledged_line, attempted_line
from contracts.stored.records import HistoryEntry
from stack.cli import build_app
from streaming.state.applied_offsets import write_applied
from streaming.state.apply import UserEvent, apply_events
from streaming.state.client import connect
from streaming.state.merged_lists import merge_items

MOMENT = 1_714_564_800_250
SETTINGS = StateSettings(redis_shards=2)
EVENTS = [
    Interaction(event_type=kind, user_id=user, item_id=item, value=value, event_time=MOMENT + n)
    for n, (kind, user, item, value) in enumerate(
        [
            ("rating", "1", "x", 4.5),
            ("rating", "1", "x", 2.0),
            ("like", "2", "x", None),
            ("view", "2", "y", None),
            ("retract", "2", "y", None),
            ("purchase", "3", "x", None),
        ]
    )
]


def headwater(*words: object) -> Result:
    texts = [str(word) for word in words]
    return CliRunner().invoke(build_app(texts), texts)


@pytest.fixture
def words(tmp_path: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The options that verify a clean run: its ledger, lake, rejected events and exported state."""
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setenv("REDIS_SHARDS", "2")
    files = {name: tmp_path / f"{name}.jsonl" for name in ("acknowledged", "rejected", "state")}
    sent = [event.to_json() for event in EVENTS]
    lines = [line for n, e in enumerate(sent) for line in (attempted_line(e), acknowledged_line(e, 0, n))]
    files["acknowledged"].write_bytes(b"".join([*lines, acknowledged_line(b"poison", 0, len(EVENTS))]))
    origin = {"source_topic": "interactions", "source_partition": 0, "source_offset": len(EVENTS)}
    files["rejected"].write_text(json.dumps({"reason": "malformed", **origin, "value": "poison"}) + "\n")
    write_deltalake(INTERACTIONS.path(str(tmp_path)), _rows())
    _apply(redis_url)
    exported = headwater("verify", "export-state", files["state"])
    assert exported.exit_code == 0, exported.output
    assert "interactions:0 to 7" in exported.output
    given = [f"--{name}={path}" for name, path in files.items()]
    return ["verify", f"--lake={tmp_path}", *given]


def _rows() -> pa.Table:
    names = ("event_id", "event_type", "user_id", "item_id", "value")
    rows: list[dict[str, Any]] = [{name: getattr(event, name) for name in names} for event in EVENTS]
    for n, (row, event) in enumerate(zip(rows, EVENTS, strict=True)):
        row |= {"event_time": event.event_time * 1000, "kafka_partition": 0, "kafka_offset": n}
    table = pa.Table.from_pylist(rows)
    at = table.schema.get_field_index("event_time")
    return table.set_column(at, "event_time", table["event_time"].cast(pa.timestamp("us", "UTC")))


def _apply(redis_url: str) -> None:
    client = connect(redis_url)
    events = [
        UserEvent(e.user_id, e.item_id, HistoryEntry(e.event_type, e.event_time, e.event_id, e.value or 0.0))
        for e in EVENTS
    ]
    apply_events(client, events, SETTINGS)
    merge_items(client, ("x", "y"), SETTINGS)
    for key in (keyspace.APPLIED_ONLINE, keyspace.APPLIED_LAKE):
        write_applied(client, key, {"interactions:0": len(EVENTS) + 1, "catalog:0": 3})


def test_a_clean_run_has_exit_code_0_and_a_sentence_for_each_invariant(words: list[str]) -> None:
    done = headwater(*words)
    assert done.exit_code == 0, done.output
    assert [line.partition(":")[2].strip() for line in done.output.splitlines()[1:]] == ["holds"] * 7
    assert "7 acknowledged, 6 in lake, 1 refused" in done.output


def test_verify_reports_rows_that_were_deleted_from_the_lake(words: list[str], tmp_path: Path) -> None:
    DeltaTable(INTERACTIONS.path(str(tmp_path))).delete("kafka_offset = 3")
    done = headwater(*words, "--json")
    assert done.exit_code == 1
    holds = {name: found["holds"] for name, found in json.loads(done.stdout)["invariants"].items()}
    # The missing view of y was retracted; only the state's record of it shows that.
    assert holds == {"I1": False, "I2": True, "I3": True, "I4": False, "I5": False, "I6": True, "I7": True}


def test_verify_reports_a_flushed_redis(words: list[str], redis_url: str, tmp_path: Path) -> None:
    connect(redis_url).flushall()
    state = tmp_path / "flushed.jsonl"
    assert headwater("verify", "export-state", state).exit_code == 0
    done = headwater(*words, f"--state={state}")
    assert done.exit_code == 1
    assert "I5 derived state: 3 (user, item) pairs of histories differ" in done.output
    assert "headwater rebuild" in done.output


def test_verify_names_missing_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "--acknowledged FILE" in headwater("verify").output
    ledger = tmp_path / "ledger.jsonl"
    ledger.touch()
    done = headwater("verify", "--acknowledged", ledger, "--lake", tmp_path)
    assert done.exit_code == 2
    assert "no interactions table" in done.output
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:9/0")
    done = headwater("verify", "export-state", tmp_path / "state.jsonl")
    assert done.exit_code == 2
    assert "REDIS_URL" in done.output
