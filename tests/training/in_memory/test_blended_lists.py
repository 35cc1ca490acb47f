from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import redis
from numpy.typing import NDArray

from algorithms.blending.blend import Blend
from algorithms.blending.serialization import ServedBlend
from algorithms.signals.history import Histories
from contracts.settings import TrainingSettings
from contracts.stored import keyspace
from contracts.stored.hotness import HOTNESS_STEP
from contracts.stored.records import decode_ranked, hotness_of_ranked
from tests.training.in_memory.worlds import as_events, random_rows
from training.in_memory import blended_lists
from training.in_memory.blended_lists import hours_behind, ranked_blocks, write_blended_lists
from training.in_memory.load import RoundArrays, load_arrays
from training.registry.publish import Publisher

SETTINGS = TrainingSettings(train_min_events=1, top_n=5)


@dataclass(frozen=True)
class ByIndex:
    """A signal that prefers items with a high index (or a low one) for every user."""

    items: int
    sign: float

    def score(self, histories: Histories) -> NDArray[np.float64]:
        return np.tile(self.sign * np.arange(self.items) + self.items, (len(histories), 1))

    def explain(self, history: Histories, targets: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
        return np.zeros((len(targets), len(history.items)))


@pytest.fixture(scope="module")
def data() -> RoundArrays:
    events = as_events(random_rows(3, users=30, items=20))
    arrays = load_arrays(events, len(events), SETTINGS, 0)
    assert arrays is not None
    return arrays


def blend_of(data: RoundArrays) -> ServedBlend:
    items = data.counts.items
    signals = {"high": ByIndex(items, 1.0), "low": ByIndex(items, -1.0)}
    return ServedBlend(Blend(hot={"low": 1.0}, cold={"high": 1.0}), signals)


def lists(data: RoundArrays, hotness: float = 0.0) -> list[list[int]]:
    hot = np.full(data.counts.users, hotness)
    blocks = [columns for _, columns, _ in ranked_blocks(data, blend_of(data), SETTINGS, hot)]
    return [row[row >= 0].tolist() for row in np.concatenate(blocks)]


@pytest.mark.parametrize(("hotness", "highest_first"), [(0.0, True), (1.0, False)])
def test_lists_are_ranked_by_the_weights_of_their_hotness_without_known_items(
    data: RoundArrays, hotness: float, highest_first: bool
) -> None:
    for user, listed in enumerate(lists(data, hotness)):
        known = set(data.pairs.items[data.pairs.users == user].tolist())
        new = [item for item in range(data.counts.items) if item not in known]
        assert listed == sorted(new, reverse=highest_first)[:5]


def test_a_users_list_does_not_depend_on_the_block_of_users(
    data: RoundArrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = lists(data)
    monkeypatch.setattr(blended_lists, "_BLOCK", 7)
    assert lists(data) == whole


def test_written_lists_are_counted_and_can_be_read(data: RoundArrays, redis_url: str) -> None:
    publisher = Publisher(redis_url, shards=2)
    counts = write_blended_lists(publisher, "v1", data, blend_of(data), SETTINGS)
    expected = {user: found for user, found in enumerate(lists(data)) if found}
    assert (counts.written, counts.kept) == (len(expected), 0)
    client = redis.Redis.from_url(redis_url)
    for user, found in expected.items():
        name = data.user_ids[user].as_py()
        raw: Any = client.hget(keyspace.top_n(keyspace.shard_of(name, 2), "v1"), name)
        assert list(decode_ranked(raw)[0]) == found
    client.close()


def test_a_user_is_behind_by_the_age_of_the_newest_event_beside_that_of_all_users(data: RoundArrays) -> None:
    found, newest = hours_behind(data, SETTINGS), data.events.times.max()
    last = [data.pairs.event_times[data.pairs.users == user].max() for user in range(data.counts.users)]
    assert found == pytest.approx((newest - np.array(last)) / 3_600_000)
    assert found.min() >= 0
    assert found.max() > 0


def test_a_written_list_is_less_hot_the_further_its_user_is_behind(data: RoundArrays, redis_url: str) -> None:
    longer = replace(data.events, times=data.events.times.copy())
    longer.times[0] += 1000 * 3_600_000  # one event that is far newer than those of nearly all users
    apart = replace(data, events=longer)
    publisher, names = Publisher(redis_url, shards=1), data.user_ids.to_pylist()
    with redis.Redis.from_url(redis_url) as client:
        seconds, _ = client.time()
        client.zadd(keyspace.active(0), dict.fromkeys(names, 1000.0 * seconds))
        write_blended_lists(publisher, "v1", apart, blend_of(data), SETTINGS)
        raw: Any = client.hmget(keyspace.top_n(0, "v1"), names)
    found = [hotness_of_ranked(each) for each in raw if each is not None]
    assert found == pytest.approx([0.5] * len(found), abs=2 * HOTNESS_STEP)
    assert found
