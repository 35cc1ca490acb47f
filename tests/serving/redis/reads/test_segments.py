from __future__ import annotations

from serving.redis.reads.segments import segment_lists
from tests.serving.conftest import through_store
from tests.serving.world import World

NAMES = ("age", "gender")


def test_the_lists_of_a_users_segments_are_read_with_the_narrowest_first(redis_url: str) -> None:
    world = World(users={"ann": {"age": "30", "gender": "F"}, "bob": {}})
    world.segments = {"gender=F": [("i03", 9.0)], "age=25-34 & gender=F": [("i01", 5.0), ("i02", 4.0)]}
    world.write(redis_url)
    found = through_store(redis_url, lambda store: segment_lists(store, "ann", NAMES))
    assert [each[:] for each in found] == [[("i01", 5.0), ("i02", 4.0)], [("i03", 9.0)]]
    for nobody in ("bob", "unheard of"):
        assert through_store(redis_url, lambda store, user=nobody: segment_lists(store, user, NAMES)) == []


def test_without_a_model_there_are_no_lists_of_segments(redis_url: str) -> None:
    World(users={"ann": {"gender": "F"}}).write(redis_url, version=None)
    assert through_store(redis_url, lambda store: segment_lists(store, "ann", NAMES)) == []
