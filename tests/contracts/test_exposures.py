from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.events import MAX_ID_LENGTH
from contracts.exposures import LIST_KINDS, MAX_ARM_LENGTH, MAX_SHOWN_ITEMS, Exposure, ShownItem, batch_of
from contracts.identifiers import canonical_id

TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=MAX_ID_LENGTH).filter(
    lambda text: canonical_id(text) == text  # as every id that came in
)
ITEMS = st.builds(
    ShownItem,
    item_id=TEXTS,
    rank=st.integers(1, 1000),
    source=st.sampled_from(["fresh", "als", ""]),
    propensity=st.none() | st.floats(0.001, 1),
)
EXPOSURES = st.builds(
    Exposure,
    recommendation_id=TEXTS,
    kind=st.sampled_from(LIST_KINDS),
    user_id=st.none() | TEXTS,
    items=st.lists(ITEMS, min_size=1, max_size=5).map(tuple),
    arm=st.text(st.characters(exclude_categories=("Cs",)), max_size=30),
)


@given(st.lists(EXPOSURES, max_size=4))
def test_a_batch_of_exposures_is_read_back_unchanged(exposures: list[Exposure]) -> None:
    record = json.loads(batch_of(each.to_json().encode() for each in exposures))
    assert record["schema_version"] == 1
    assert [Exposure.model_validate(each) for each in record["exposures"]] == exposures


def test_an_exposure_without_an_experiment_has_an_empty_arm() -> None:
    shown = Exposure(recommendation_id="r", items=(ShownItem(item_id="a", rank=1),))
    assert (shown.arm, shown.reported_by) == ("", "answer")


@pytest.mark.parametrize(
    "wrong",
    [
        {"items": []},
        {"items": [{"item_id": "a", "rank": 1}] * (MAX_SHOWN_ITEMS + 1)},
        {"items": [{"item_id": "a", "rank": 0}]},
        {"items": [{"item_id": "", "rank": 1}]},
        {"items": [{"item_id": "a", "rank": 1, "propensity": 0.0}]},
        {"items": [{"item_id": "a", "rank": 1, "propensity": 1.5}]},
        {"items": [{"item_id": "a", "rank": "1"}]},
        {"kind": "unheard of"},
        {"reported_by": "a friend"},
        {"arm": "x" * (MAX_ARM_LENGTH + 1)},
        {"user_id": "a\nb"},
        {"event_time": -1},
        {"colour": "blue"},
    ],
)
def test_an_invalid_exposure_is_refused(wrong: dict[str, Any]) -> None:
    right = {"recommendation_id": "r", "items": [{"item_id": "a", "rank": 1}]}
    Exposure.model_validate(right)
    with pytest.raises(ValidationError):
        Exposure.model_validate(right | wrong)
