from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.stored.segments import segments_of

NAMES = ("age", "gender", "occupation")


def test_a_user_is_in_one_segment_of_all_attributes_and_one_of_each_attribute() -> None:
    assert segments_of({"gender": "F", "age": "24", "zip_code": "1"}, NAMES) == [
        "age=18-24 & gender=F",
        "age=18-24",
        "gender=F",
    ]
    assert segments_of({"gender": "F"}, NAMES) == ["gender=F"]
    assert segments_of({"gender": ""}, NAMES) == []


@pytest.mark.parametrize(
    ("age", "group"),
    [("0", "under 18"), ("18", "18-24"), ("55", "50-55"), ("56", "56+"), ("old", "old"), ("9999", "9999")],
)
def test_an_age_in_years_becomes_an_age_group(age: str, group: str) -> None:
    assert segments_of({"age": age}, ["age"]) == [f"age={group}"]


@given(st.dictionaries(st.sampled_from([*NAMES, "x"]), st.text(max_size=1024)))
def test_segments_of_any_metadata_are_few_and_short_and_repeatable(attributes: dict[str, str]) -> None:
    found = segments_of(attributes, NAMES)
    assert found == segments_of(dict(reversed(attributes.items())), NAMES)
    assert len(found) <= len(NAMES) + 1
    assert all(0 < len(segment) <= 512 for segment in found)
