from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.events import MAX_ID_LENGTH
from contracts.recommendation_id import ID_LENGTH, RecommendationIds, digest

NAMES = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)
IDS = RecommendationIds("a key of this test")


@given(NAMES, NAMES, NAMES, NAMES, st.integers(0, 253_402_300_799_999))
def test_an_id_says_who_got_the_answer_and_when_and_which_answer_it_was(
    user: str, version: str, source: str, arm: str, at_ms: int
) -> None:
    ids = RecommendationIds("key", clock=lambda: at_ms * 1_000_000)
    text = ids.issue(user, version, source, arm)
    read = RecommendationIds("key").read(text)
    assert read is not None
    assert len(text) == ID_LENGTH <= MAX_ID_LENGTH
    assert read.is_of(user)
    assert read.at_ms == at_ms
    assert (read.version, read.source, read.arm) == (digest(version, 6), digest(source, 2), digest(arm, 4))


def test_two_answers_of_one_millisecond_have_two_ids() -> None:
    ids = RecommendationIds("key", clock=lambda: 5_000_000)
    assert len({ids.issue("user", "v", "als") for _ in range(1000)}) == 1000


def test_an_id_of_another_user_is_not_accepted() -> None:
    read = IDS.read(IDS.issue("ada", "v", "als"))
    assert read is not None
    assert not read.is_of("bob")


def test_an_id_that_was_issued_with_another_key_is_not_read() -> None:
    assert IDS.read(RecommendationIds("another key of this test").issue("ada", "v", "als")) is None
    assert IDS.read(RecommendationIds(None).issue("ada", "v", "als")) is None


@given(st.integers(0, ID_LENGTH - 1), st.sampled_from("AB-_z9=\n "))
def test_an_id_with_any_changed_character_is_not_read(place: int, other: str) -> None:
    text = IDS.issue("ada", "v", "als")
    changed = text[:place] + other + text[place + 1 :]
    assert (IDS.read(changed) is None) == (changed != text)


@pytest.mark.parametrize("text", ["", "r1", "é" * ID_LENGTH, "=" * ID_LENGTH, "A" * 4 * ID_LENGTH])
def test_other_text_is_not_read_as_an_id(text: str) -> None:
    assert IDS.read(text) is None
