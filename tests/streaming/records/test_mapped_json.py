from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from contracts.events import UUID_PATTERN, Interaction
from stack.cli import build_app
from streaming.records.mapped_json import event_id_of, mapped_record, what_becomes_of
from streaming.records.mapping_file import EventFormat, MappingFile

FORM = EventFormat(
    name="shop",
    when={"/kind": ("seen",)},
    fields={"user_id": ("/u", "/w/0"), "item_id": ("/i",), "event_time": ("/t",), "value": ("/v",)},
    constants={"event_type": "view"},
)
MAPPING = MappingFile(formats=(FORM,))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("uiwtv0"), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from("uiwtv"), JSON))
def test_any_record_becomes_an_event_or_gets_a_reason(fields: dict[str, Any]) -> None:
    value = json.dumps({**fields, "kind": "seen"}).encode()
    event, fault = mapped_record(value, MAPPING)
    assert (event is None) != (fault is None)
    assert what_becomes_of(value, MAPPING)


@given(st.binary())
def test_bytes_that_match_no_format_are_read_as_our_own_event(value: bytes) -> None:
    assert mapped_record(value, MAPPING) == (None, None)


@given(st.text())
def test_an_id_of_another_system_always_gives_the_same_event_id(text: str) -> None:
    found = event_id_of(text, "shop")
    assert Interaction(event_type="view", user_id="u", item_id="i", event_id=found).event_id == found
    assert event_id_of(text, "shop") == found
    assert (found == text.lower()) == bool(re.fullmatch(UUID_PATTERN, text))


@pytest.mark.parametrize(
    ("written", "ms"),
    [
        ("2024-05-01T10:00:00Z", 1_714_557_600_000),
        ("2024-05-01 10:00:00.5 UTC", 1_714_557_600_500),
        ("2024-05-01T12:00:00.123456+02:00", 1_714_557_600_123),
        ("2024-05-01T04:30:00-0530", 1_714_557_600_000),
        (1_714_557_600, 1_714_557_600_000),
        (1_714_557_600.25, 1_714_557_600_250),
        (1_714_557_600_001, 1_714_557_600_001),
        ("1714557600001000000", 1_714_557_600_001),
    ],
)
def test_a_time_may_be_text_or_a_number_in_any_unit(written: Any, ms: int) -> None:
    value = json.dumps({"kind": "seen", "u": 1, "i": 2, "t": written}).encode()
    event, _ = mapped_record(value, MAPPING)
    assert event is not None
    assert event["event_time"] == ms


def test_the_command_shows_each_record_and_fails_where_one_would_be_rejected(tmp_path: Path) -> None:
    mapping, records = tmp_path / "mapping.json", tmp_path / "records.jsonl"
    mapping.write_text(json.dumps({"formats": [{"like": "segment"}]}))
    track = {"type": "track", "event": "Product Viewed", "userId": "u", "properties": {"sku": "s"}}
    ours = {"event_type": "view", "user_id": "u", "item_id": "i"}
    other = {**track, "event": "Product Shared"}
    records.write_text("\n".join(map(json.dumps, (track, ours, other))))
    answer = CliRunner().invoke(build_app(["mapping"]), ["mapping", str(mapping), str(records)])
    lines = answer.stdout.splitlines()
    assert answer.exit_code == 1
    assert '"item_id": "s"' in lines[0]
    assert '"item_id": "i"' in lines[1]
    assert lines[2].startswith("3  event_type is not among the types of the mapping segment: Product Shared")
