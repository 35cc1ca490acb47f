from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.events import EVENT_TYPES, MAX_EVENT_TIME_MS, Interaction
from contracts.identifiers import canonical_id
from contracts.stored.ledgers import acknowledged_line, attempted_line
from ingest.meaning.encoding import EventEncoder

_TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=9)
# As every id that came in.
IDS = _TEXT.filter(lambda text: canonical_id(text) == text) | st.sampled_from(
    ['a"b', "c\\d", "7", "x y", "é"]
)
LIKELY = (
    b'{"event_id":"x","value":NaN}',
    b'{"event_id":"\\ud800","user_id":"u"}',
    b'{"event_id":7,"value":"five","event_time":true}',
    b'{"event_id":"a","event_time":99999999999999999999}',
    b"[" * 100_000,
    b"[1]",
    b'{"event_id":"a",\n"user_id":"u"}',
    b'{"event_id":"00000000-0000-0000-0000-000000000000","event_type":"view","user_id":"',
)


@given(st.sampled_from(EVENT_TYPES), IDS, IDS, st.integers(0, MAX_EVENT_TIME_MS))
def test_the_line_of_an_acknowledgement_has_the_whole_event(
    kind: str, user: str, item: str, moment: int
) -> None:
    event = EventEncoder().encode(0, user, item, "3.5" if kind == "rating" else "", moment, kind)
    line = json.loads(acknowledged_line(event.value, 3, 12))
    assert (line.pop("partition"), line.pop("offset")) == (3, 12)
    assert Interaction.model_validate(line) == Interaction.model_validate_json(event.value)
    assert json.loads(attempted_line(event.value)) == {"event_id": line["event_id"]}


@given(st.builds(Interaction, event_type=st.just("view"), user_id=IDS, item_id=IDS))
def test_the_line_of_another_producer_has_the_whole_event(event: Interaction) -> None:
    line = json.loads(acknowledged_line(event.to_json(), 0, 1))
    assert {
        name: getattr(event, name) for name in line.keys() - {"partition", "offset"}
    }.items() <= line.items()
    assert {"event_id", "event_type", "user_id", "item_id", "value", "event_time"} <= line.keys()


@given(st.binary() | st.sampled_from(LIKELY))
def test_the_line_of_an_unreadable_event_has_its_place(poison: bytes) -> None:
    line = acknowledged_line(poison, 0, 5)
    assert line.count(b"\n") == 1
    assert attempted_line(poison).count(b"\n") == 1
    assert json.loads(line).items() >= {"partition": 0, "offset": 5}.items()


@pytest.mark.parametrize("poison", LIKELY)
def test_fields_of_the_wrong_type_are_left_out(poison: bytes) -> None:
    texts = {"event_id", "user_id", "item_id", "event_type"}
    fields = json.loads(acknowledged_line(poison, 0, 5))
    assert all(isinstance(value, str) == (name in texts) for name, value in fields.items())
    assert "event_time" not in fields
