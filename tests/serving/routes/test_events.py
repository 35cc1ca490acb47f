"""Parsing alone; the route itself is in tests/serving/routes/test_api_events.py."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.events import Interaction
from contracts.recommendation_id import RecommendationIds
from serving.routes.events import outcome_of, parse_events

NOW = 1_700_000_000_000
GOOD: dict[str, Any] = {"event_type": "rating", "user_id": "u", "item_id": "i", "value": 4, "event_time": NOW}
BAD: list[tuple[Any, str]] = [
    ({**GOOD, "value": float("nan")}, "value"),
    ({**GOOD, "value": 5.5}, "value"),
    ({**GOOD, "value": None}, "value"),
    ({**GOOD, "event_type": "stare"}, "event_type"),
    ({**GOOD, "user_id": ""}, "user_id"),
    ({**GOOD, "user_id": "x" * 129}, "user_id"),
    ({**GOOD, "user_id": "a\nb"}, "user_id"),
    ({**GOOD, "user_id": "\ud800"}, "user_id"),
    ({**GOOD, "user_id": ["u"]}, "user_id"),
    ({**GOOD, "event_time": NOW + 301_000}, "future"),
    ({**GOOD, "event_time": -1}, "event_time"),
    ({**GOOD, "event_time": 1_600_000_000}, "event_time: lies before 1990"),
    ({**GOOD, "event_time": "1970-01-01"}, "event_time: lies before 1990"),
    ({**GOOD, "event_time": "yesterday"}, "event_time"),
    ({**GOOD, "event_id": "1"}, "event_id"),
    ({**GOOD, "schema_version": 2}, "schema_version"),
    ({**GOOD, "colour": "red"}, "colour"),
    ({**GOOD, "a\nb": 1}, "a\\nb"),
    ({"event_type": "view"}, "user_id"),
    ([], "dictionary"),
    ("text", "dictionary"),
    (None, "dictionary"),
]


@pytest.mark.parametrize(("bad", "said"), BAD)
def test_an_invalid_event_is_reported_by_its_index_and_the_others_are_accepted(bad: Any, said: str) -> None:
    accepted, rejected = parse_events([GOOD, bad, GOOD], NOW)
    assert len(accepted) == 2
    assert [each.index for each in rejected] == [1]
    assert said in rejected[0].reason
    assert len(rejected[0].reason.splitlines()) == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from([*GOOD, "event_id", "schema_version", "session_id", "recommendation_id"])


@given(st.dictionaries(FIELDS, JSON, max_size=6))
def test_any_json_is_parsed_or_refused(changes: dict[str, Any]) -> None:
    accepted, rejected = parse_events([GOOD | changes], NOW)
    assert len(accepted) + len(rejected) == 1
    for event in accepted:
        json.loads(event.to_json())


def test_a_recommendation_id_is_valid_for_its_user_only_and_an_anonymous_one_for_everybody() -> None:
    ids = RecommendationIds("key")

    def outcome(recommendation_id: str) -> str:
        return outcome_of(Interaction.model_validate(GOOD | {"recommendation_id": recommendation_id}), ids)

    assert outcome(ids.issue("u", "v1", "als")) == "genuine"
    assert outcome(ids.issue("", "v1", "popular")) == "genuine"
    assert outcome(ids.issue("another", "v1", "als")) == "forged"
    assert outcome(RecommendationIds("another").issue("u", "v1", "als")) == "forged"
    assert outcome("r1") == "forged"


@pytest.mark.parametrize(
    "odd", ["\u0000", "x" * 10_000, "\ud800", True, 1e300, float("nan"), [1], {"a": 1}, "日" * 48, "=" * 48]
)
def test_an_event_whose_recommendation_id_no_answer_can_have_is_taken_and_counts_as_forged(odd: Any) -> None:
    accepted, rejected = parse_events([GOOD | {"recommendation_id": odd}], NOW)
    assert rejected == []
    assert outcome_of(accepted[0], RecommendationIds("key")) == "forged"
    assert Interaction.model_validate_json(accepted[0].to_json()) == accepted[0]


@pytest.mark.parametrize("absent", ["", " ", None])
def test_an_empty_recommendation_id_is_none(absent: str | None) -> None:
    accepted, _ = parse_events([GOOD | {"recommendation_id": absent}], NOW)
    assert accepted[0].recommendation_id is None
