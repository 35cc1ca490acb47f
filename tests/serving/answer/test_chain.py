"""The behaviour that all strategies share, over a real Redis, and what each of them proposes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from serving.answer.chain import STRATEGIES, configured_chain
from serving.memory.process_memory import empty_memory
from serving.question.candidate import Candidate, User
from serving.question.list_options import ListOptions
from serving.question.operator_rules import Rules
from serving.question.question import Question
from serving.redis.reads.user import read_user
from serving.redis.store import Store, StoreError
from serving.telemetry.metrics import Metrics
from tests.serving.conftest import NOBODY, settings_of
from tests.serving.world import World

DAY = 86_400
NAMES = [name for name, _ in STRATEGIES]
EVERYTHING = {"answer_chain": (*NAMES, "hybrid"), "hybrid_weights": {"fresh": 2.0, "als": 1.0}}


def rich_world() -> World:
    now = time.time() / DAY
    world = World(fresh={"ann": ("v1", (20, 21), (3.0, 2.0))})
    world.categories = {f"i{i:02}": ["Comedy" if i % 2 else "Drama"] for i in range(10)}
    # i03 is not trending, because its sum is only 1.
    world.newest = {"i12": 2_000, "i13": 3_000, "i14": int(time.time() * 1000) + 3_600_000}
    world.users = {"ann": {"age": "24", "gender": "F"}, "new": {"gender": "F", "occupation": "artist"}}
    world.segments = {
        "age=18-24 & gender=F": [("i15", 20.0), ("i16", 19.0)],
        "age=18-24": [("i16", 40.0), ("i17", 30.0)],
        "gender=F": [("i17", 50.0), ("i18", 40.0)],
    }
    world.trending = {DAY: {"i25": now + 10, "i24": now + 9, "i03": now}}
    return world


def propose(
    url: str, name: str, user_id: str, changed: Callable[[User], User] = lambda user: user, **settings: Any
) -> list[Candidate]:
    """All items that one strategy proposes to a user."""

    async def scenario() -> list[Candidate]:
        of_test = settings_of(redis_url=url, **EVERYTHING | settings)
        store = Store(of_test, 1.0, Metrics())
        memory = empty_memory(of_test, store)
        try:
            try:
                user = await read_user(store, user_id)
                await memory.popular_list.refresh()
                await memory.trending_lists.refresh()
                await memory.newest_list.refresh()
            except StoreError:
                user = User(user_id, stale=True)
            rules = Rules(editorial=("i07", "i06"))
            question = Question(changed(user), ListOptions(10), memory.catalogue.get, rules)
            return [
                each async for page in dict(configured_chain(memory).by_name)[name](question) for each in page
            ]
        finally:
            await store.close()

    return asyncio.run(scenario())


def ids(candidates: list[Candidate]) -> list[str]:
    return [each.item_id for each in candidates]


@pytest.mark.parametrize("name", EVERYTHING["answer_chain"])
@pytest.mark.parametrize("user_id", ["ann", "bob", "nobody", "a user:{1}\t*"])
def test_a_strategy_proposes_each_item_once_and_best_first_with_its_source(
    redis_url: str, name: str, user_id: str
) -> None:
    rich_world().write(redis_url)
    found = propose(redis_url, name, user_id)
    assert {each.source for each in found} <= {name}
    assert len(set(ids(found))) == len(found)
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)


@pytest.mark.parametrize("name", EVERYTHING["answer_chain"])
def test_without_redis_a_strategy_proposes_what_it_has_and_never_fails(name: str) -> None:
    known = {"i00"}
    found = propose(f"redis://{NOBODY}/0", name, "ann", lambda _: User("ann", known, stale=True))
    assert ids(found) == (["i07", "i06"] if name == "editorial" else [])


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("fresh", ["i20", "i21"]),
        ("als", ["i00", "i10", "i11"]),
        ("session", ["i01", "i02"]),  # i00's neighbours; i01 has none
        ("editorial", ["i07", "i06"]),
        # ann likes i01 (Comedy) as much as i00 (Drama)
        ("content", ["i01", "i00", "i03", "i02"]),
        # All of her segments together count as much as the others, and i16 is in two lists.
        ("demographic", ["i16", "i15", "i17", "i18"]),
        ("trending", ["i25", "i24"]),
        ("newest", ["i13", "i12"]),  # i14 is not out yet
        ("popular", ["i00", "i01", "i02"]),
        ("hybrid", ["i20", "i21", "i00"]),
    ],
)
def test_each_strategy_proposes_the_expected_items_to_a_user_with_a_history(
    redis_url: str, name: str, first: list[str]
) -> None:
    rich_world().write(redis_url)
    found = ids(propose(redis_url, name, "ann"))
    assert found[: len(first)] == first
    if name in ("session", "trending", "newest"):
        assert len(found) == len(first)


def test_an_anonymous_session_needs_no_history(redis_url: str) -> None:
    rich_world().write(redis_url)
    session = User("", session=[("i00", 2.0), ("i09", 1.0)])
    assert propose(redis_url, "session", "", lambda _: session) == [
        Candidate("i01", 1.0, "session"),
        Candidate("i02", 0.5, "session"),
    ]
    assert ids(propose(redis_url, "content", "", lambda _: session))[:2] == ["i00", "i02"]


def test_a_user_with_only_a_known_gender_gets_what_that_gender_likes(redis_url: str) -> None:
    rich_world().write(redis_url)
    assert ids(propose(redis_url, "demographic", "new")) == ["i17", "i18"]
    assert propose(redis_url, "demographic", "nobody") == []
    assert propose(redis_url, "demographic", "new", segment_attributes=["occupation"]) == []


def test_without_a_model_no_neighbours_are_proposed(redis_url: str) -> None:
    rich_world().write(redis_url, version=None)
    assert propose(redis_url, "session", "ann") == []


@pytest.mark.parametrize(
    "settings", [{"answer_chain": ("als", "astrology")}, {"hybrid_weights": {"astrology": 1.0}}]
)
def test_a_chain_with_an_unknown_name_is_refused_at_the_start(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"astrology; the strategies are fresh, als"):
        propose("redis://127.0.0.1:1/0", "als", "ann", **settings)
