from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from contracts.exposures import Exposure
from contracts.identifiers import canonical_id
from serving.exposures.text import exposure_in, line_of, line_of_answer, shown_items, shown_json
from serving.lists.list_json import list_json
from serving.question.candidate import EXPLORED, Candidate, User
from serving.question.item_facts import UNKNOWN_ITEM
from serving.question.list_options import ListOptions

TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=10).filter(
    lambda text: canonical_id(text) == text  # as every id that came in
)
PAGES = st.lists(
    st.builds(Candidate, TEXT, st.floats(0.01, 1), st.sampled_from(["fresh", EXPLORED])),
    min_size=1,
    max_size=5,
)
USERS = st.builds(
    User,
    st.just("") | TEXT,
    model_version=st.none() | TEXT,
    fresh_list=st.sampled_from([(), (("i", 1.0),)]),
    fresh_read_at_ms=st.integers(1, 10**12),
    applied_through=st.none() | st.integers(0, 10**12),
)


@given(USERS, PAGES, st.integers(0, 1000), st.just("") | TEXT, st.none() | TEXT)
def test_the_text_that_is_sent_is_a_valid_exposure(
    user: User, page: list[Candidate], offset: int, arm: str, session_id: str | None
) -> None:
    items = shown_items(page, offset)
    line = line_of(shown_json("user", "r", user, items, arm, session_id))
    shown = Exposure.model_validate_json(exposure_in(line))
    assert shown.user_id == (user.user_id or None)
    assert (shown.model_version, shown.applied_through) == (user.model_version, user.applied_through)
    assert shown.history_read_at == (user.fresh_read_at_ms if user.fresh_list else None)
    assert shown.session_id == session_id
    assert (shown.arm, shown.reported_by, shown.kind) == (arm, "answer", "user")
    assert [(item.item_id, item.rank, item.source) for item in shown.items] == [
        (each.item_id, rank, each.source) for rank, each in enumerate(page, offset + 1)
    ]
    assert [item.propensity for item in shown.items] == [
        each.score if each.source == EXPLORED else None for each in page
    ]


@given(USERS, st.lists(TEXT, min_size=1), st.integers(0, 1000), st.none() | TEXT)
def test_an_answer_becomes_the_same_exposure_as_what_it_was_made_of(
    user: User, item_ids: list[str], offset: int, session_id: str | None
) -> None:
    page = [Candidate(item_id, 0.5, "fresh") for item_id in item_ids]
    options = ListOptions(10, offset=offset, arm="e/1:a")
    body = list_json(user, options, page, lambda _: UNKNOWN_ITEM, False, 3, "r")
    line = line_of_answer(body, user, session_id)
    assert b"\n" not in line
    at = json.loads(exposure_in(line))["event_time"]
    text = shown_json("user", "r", user, shown_items(page, offset), "e/1:a", session_id, at)
    assert exposure_in(line) == text.encode()


def test_text_that_is_none_ends_nothing() -> None:
    assert exposure_in(line_of('{"a":"\u20ac\ud800"}')) == '{"a":"\u20ac?"}'.encode()
