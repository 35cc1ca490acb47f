from __future__ import annotations

import json
import math
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.events import (
    EVENT_TYPES,
    MAX_EVENT_TIME_MS,
    MAX_FUTURE_MS,
    Interaction,
    before_any_log,
    checked_value,
    from_future,
)
from contracts.identifiers import BLANKS

RATING = {
    "event_type": "rating",
    "user_id": "1",
    "item_id": "31",
    "value": 2.5,
    "event_time": 1_260_759_144_000,
}
IDS = (
    st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=128)
    .map(lambda text: text.strip(BLANKS))
    .filter(bool)
)


@given(
    user=IDS,
    item=IDS,
    value=st.floats(0.5, 5.0),
    moment=st.integers(0, MAX_EVENT_TIME_MS),
    event_id=st.uuids(),
)
def test_an_event_is_read_back_from_its_json_unchanged(
    user: str, item: str, value: float, moment: int, event_id: uuid.UUID
) -> None:
    event = Interaction(
        event_id=str(event_id),
        event_type="rating",
        user_id=user,
        item_id=item,
        value=value,
        event_time=moment,
    )
    assert Interaction.model_validate_json(event.to_json()) == event


def test_the_json_leaves_out_absent_fields_and_names_the_schema() -> None:
    assert set(json.loads(Interaction(**RATING).to_json())) == {*RATING, "event_id", "schema_version"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("value", math.nan),
        ("value", math.inf),
        ("value", 0.49),
        ("value", 5.01),
        ("value", None),
        ("value", "good"),
        ("event_type", "stare"),
        ("user_id", ""),
        ("user_id", "x" * 129),
        ("item_id", "a\x00b"),
        ("item_id", "a\x9fb"),
        ("item_id", "\ud800"),
        ("user_id", None),
        ("user_id", math.nan),
        ("item_id", -math.inf),
        ("event_time", -1),
        ("event_time", MAX_EVENT_TIME_MS + 1),
        ("event_time", 1.5),
        ("event_time", "yesterday"),
        ("event_time", True),
        ("event_id", "no-uuid"),
        ("schema_version", 2),
        ("surprise", 1),
    ],
)
def test_a_bad_field_is_refused(field: str, value: object) -> None:
    with pytest.raises(ValidationError):
        Interaction(**{**RATING, field: value})


def test_ids_may_be_numbers_and_iso_times_are_read_as_utc() -> None:
    event = Interaction(event_type="view", user_id=7, item_id=8, event_time="2020-01-01T00:00:00")
    assert (event.user_id, event.item_id, event.value) == ("7", "8", 1.0)
    assert event.event_time == 1_577_836_800_000
    assert Interaction(**{**RATING, "event_time": "2020-01-01T01:00:00+01:00"}).event_time == event.event_time


@pytest.mark.parametrize(
    ("given_id", "stored"),
    [
        (7, "7"),
        (7.0, "7"),
        ("7", "7"),
        (" 7\t", "7"),
        ("7.0", "7.0"),
        (-3.0, "-3"),
        ("007", "007"),
        (7.5, "7.5"),
    ],
)
def test_a_whole_float_and_an_integer_give_the_same_id_and_text_is_kept(
    given_id: object, stored: str
) -> None:
    assert Interaction(**{**RATING, "user_id": given_id}).user_id == stored


@pytest.mark.parametrize(
    "text", ["2019-10-01 00:00:00 UTC", "1569888000", "20191001", "2019-10-01T02:00:00+02:00"]
)
def test_a_time_as_text_is_read_by_the_rule_that_all_parts_share(text: str) -> None:
    assert Interaction(**{**RATING, "event_time": text}).event_time == 1_569_888_000_000


def test_an_implausibly_early_time_is_refused_unless_it_is_allowed() -> None:
    assert before_any_log(1_600_000_000, None)
    assert not before_any_log(1_600_000_000, True)
    assert not before_any_log(1_600_000_000_000, None)


def test_an_event_without_an_id_gets_one_and_ids_become_lower_case() -> None:
    assert Interaction(**RATING).event_id != Interaction(**RATING).event_id
    given_id = "ABCDEF00-0000-0000-0000-000000000001"
    assert Interaction(**RATING, event_id=given_id).event_id == given_id.lower()


@pytest.mark.parametrize("event_type", [t for t in EVENT_TYPES if t != "rating"])
def test_only_a_rating_may_have_a_value_other_than_one(event_type: str) -> None:
    assert checked_value(event_type, None) == checked_value(event_type, 1.0) == 1.0
    with pytest.raises(ValueError, match="must be 1"):
        checked_value(event_type, 2.0)


def test_an_event_time_is_in_the_future_from_five_minutes_after_the_brokers_clock() -> None:
    assert not from_future(1_000 + MAX_FUTURE_MS, now_ms=1_000)
    assert from_future(1_001 + MAX_FUTURE_MS, now_ms=1_000)
