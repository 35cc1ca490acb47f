from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.events import EVENT_TYPES, MAX_EVENT_TIME_MS, Interaction
from contracts.identifiers import BLANKS
from ingest.meaning.encoding import EventEncoder

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
def test_the_fast_path_accepts_the_same_rows_and_gives_the_same_bytes_as_the_contract(
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
        assert event.key == user.strip(BLANKS).encode()
        assert event.time_ms == moment


def test_equal_content_has_the_same_id_and_other_content_another_id() -> None:
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


def test_a_reason_never_repeats_a_huge_field() -> None:
    with pytest.raises(ValueError, match="at most 128 characters") as caught:
        EventEncoder().encode(0, "x" * 10_000_000, "2", "3", 0)
    assert len(str(caught.value)) < 200
