from __future__ import annotations

import json
import math

from hypothesis import given
from hypothesis import strategies as st

from serving.answer.recommendations import Recommendations
from serving.lists.list_json import list_json
from serving.question.candidate import Candidate, User
from serving.question.item_facts import UNKNOWN_ITEM, facts_of
from serving.question.list_options import ListOptions

TEXT = st.text(min_size=1, max_size=10)
SCORES = st.floats(allow_nan=True, width=32)
CANDIDATES = st.lists(st.builds(Candidate, TEXT, SCORES, st.sampled_from(["fresh", "popular"])), max_size=5)
USERS = st.builds(
    User,
    TEXT,
    known_items=st.frozensets(TEXT),
    model_version=st.none() | TEXT,
    applied_through=st.none() | st.integers(0),
)


@given(USERS, CANDIDATES, st.integers(0, 100), st.booleans(), st.none() | st.integers(0), st.none() | TEXT)
def test_the_rendered_text_equals_the_json_of_the_answers_model(
    user: User, chosen: list[Candidate], offset: int, stale: bool, lag: int | None, title: str | None
) -> None:
    facts = facts_of({"title": title})
    model = Recommendations.model_construct(
        user_id=user.user_id,
        n=7,
        offset=offset,
        items=[
            {
                "item_id": each.item_id,
                "rank": rank,
                "score": round(each.score, 6) if math.isfinite(each.score) else math.nan,
                "source": each.source,
                "title": title,
            }
            for rank, each in enumerate(chosen, offset + 1)
        ],
        model_version=user.model_version,
        known_items=len(user.known_items),
        applied_through=user.applied_through,
        lag_ms=lag,
        stale=stale,
        recommendation_id="r-1_",
    )
    body = list_json(user, ListOptions(7, offset), chosen, lambda _: facts, stale, lag, "r-1_")
    assert list(json.loads(body).items()) == list(json.loads(model.model_dump_json()).items())


def test_a_title_that_cannot_be_encoded_does_not_break_the_answer() -> None:
    facts = facts_of({"title": "half \ud800"})
    page = [Candidate("i", 1.0, "popular")]
    body = list_json(User("u"), ListOptions(1), page, lambda _: facts, False, None, "r")
    assert json.loads(body)["items"][0]["title"] == "half ?"
    assert json.loads(UNKNOWN_ITEM.title_json) is None
