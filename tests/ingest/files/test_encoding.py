from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.events import EVENT_TYPES, MAX_EVENT_TIME_MS, Interaction
from ingest.files.encoding import SECONDS_BELOW, EventEncoder, RatingScale, time_ms_of

ANY_TEXT = st.text(max_size=140)
VALUES = st.one_of(
    st.floats(0.5, 5.0).map(repr),
    st.floats().map(repr),
    st.sampled_from(["", "nan", "inf", "-1", "1_0", "０.５", "3.", ".5", "5e0", " 3", "1", "abc"]),
)


@given(
    user=ANY_TEXT,
    item=ANY_TEXT,
    value=VALUES,
    moment=st.integers(0, MAX_EVENT_TIME_MS),
    kind=st.sampled_from([*EVENT_TYPES, "stare", "Rating"]),
)
def test_the_fast_path_accepts_and_makes_what_the_contract_does(
    user: str, item: str, value: str, moment: int, kind: str
) -> None:
    try:
        number = float(value) if value else None
        # The contract reads JSON numbers; these spellings are only Python's.
        odd_spelling = "_" in value or value != value.strip() or not value.isascii()
    except ValueError:
        number, odd_spelling = None, True
    try:
        wanted = Interaction(
            event_id=str(uuid.UUID(int=0)),
            event_type=kind,  # type: ignore[arg-type]
            user_id=user,
            item_id=item,
            value=number,
            event_time=moment,
        )
    except ValidationError:
        wanted = None
    try:
        event = EventEncoder().encode(0, user, item, value, moment, kind)
    except ValueError:
        assert wanted is None or odd_spelling
    else:
        assert not odd_spelling
        made = Interaction.model_validate_json(event.value)
        assert wanted is not None
        assert made.model_copy(update={"event_id": wanted.event_id}) == wanted
        assert event.key == user.encode()
        assert event.time_ms == moment


def test_the_same_content_has_the_same_id_and_any_other_content_another() -> None:
    one = ("1", "2", "3.5", 1_000, "rating")
    others = [
        ("2", "2", "3.5", 1_000, "rating"),
        ("1", "1", "3.5", 1_000, "rating"),
        ("12", "", "3.5", 1_000, "rating"),
        ("1", "2", "4.0", 1_000, "rating"),
        ("1", "2", "3.5", 1_001, "rating"),
        ("1", "2", "", 1_000, "view"),
    ]
    ids = [
        _id(EventEncoder().encode(n, *content)) for n, content in enumerate([one, one, *others]) if content[1]
    ]
    assert ids[0] == ids[1]
    assert len(set(ids)) == len(ids) - 1


def _id(event: object) -> str:
    return Interaction.model_validate_json(event.value).event_id  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("0", 0),
        ("964982703", 964_982_703_000),
        ("964982703.5", 964_982_703_500),
        ("9.64982703e8", 964_982_703_000),
        ("964982703000", 964_982_703_000),
        (str(SECONDS_BELOW - 1), (SECONDS_BELOW - 1) * 1000),
        (str(SECONDS_BELOW), SECONDS_BELOW),
        ("2000-07-30T18:45:03Z", 964_982_703_000),
        ("2000-07-30 20:45:03+02:00", 964_982_703_000),
        ("2000-07-30", 964_915_200_000),
    ],
)
def test_times_are_seconds_milliseconds_or_iso_text(text: str, moment: int) -> None:
    assert time_ms_of(text) == moment


@pytest.mark.parametrize(
    "text", ["", "soon", "-1", "1e400", "nan", "9" * 18, "9" * 30, "1969-12-31", "2000-13-01", "１２"]
)
def test_anything_else_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match="time"):
        time_ms_of(text)


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.floats(0, 1))
def test_a_scale_maps_its_ends_to_the_ends_and_keeps_order(a: float, b: float, share: float) -> None:
    low, high = min(a, b), max(a, b)
    if high - low < 1e-3:
        return
    scale = RatingScale(low, high)
    assert (scale.map_rating(low), scale.map_rating(high)) == (0.5, 5.0)
    inside = min(max(low + share * (high - low), low), high)
    assert scale.map_rating(low) <= scale.map_rating(inside) <= scale.map_rating(high)


@pytest.mark.parametrize("text", ["1", "1:", ":5", "5:1", "1:1", "a:b", "1:nan", "1:inf"])
def test_a_wrong_scale_is_explained(text: str) -> None:
    with pytest.raises(ValueError, match="--rating-scale wants MIN:MAX"):
        RatingScale.parse(text)


def test_a_rating_outside_names_the_option() -> None:
    with pytest.raises(ValueError, match=r"rating 9 lies outside 0.5-5; --rating-scale MIN:MAX"):
        EventEncoder().encode(0, "1", "2", "9", 0)
    with pytest.raises(ValueError, match="rating 11 lies outside --rating-scale 1:10"):
        EventEncoder(scale=RatingScale.parse("1:10")).encode(0, "1", "2", "11", 0)


def test_a_scaled_rating_is_sent_scaled() -> None:
    event = EventEncoder(scale=RatingScale.parse("1:10")).encode(0, "1", "2", "10", 0)
    assert Interaction.model_validate_json(event.value).value == 5.0


def test_a_reason_never_repeats_a_huge_field() -> None:
    with pytest.raises(ValueError, match="at most 128 characters") as caught:
        EventEncoder().encode(0, "x" * 10_000_000, "2", "3", 0)
    assert len(str(caught.value)) < 200
