"""A history is the same in training, in the online query and here, also of items that come again."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta, timezone
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import redis

from algorithms.blending.blend import Blend
from algorithms.signals.history import Histories
from contracts.events import DEFAULT_WEIGHTS, EVENT_TYPES
from contracts.settings import StateSettings, StreamingSettings, TrainingSettings
from contracts.stored import keyspace
from contracts.stored.records import USER_GRAMIAN, HistoryEntry, decode_fresh, decode_ranked
from serving.lists.ranking_history import Interacted, as_histories
from streaming.fold_in import lists as fresh_lists
from streaming.fold_in.by_blend import signal_histories
from streaming.fold_in.histories import StrengthTable, read_histories
from streaming.fold_in.lists import fold_in_users
from streaming.fold_in.model import OnlineModels
from streaming.fold_in.reading import read_users
from streaming.state.apply import UserEvent, apply_events
from tests.serving.blend_world import blend_world, served_blend
from tests.serving.conftest import Client
from tests.serving.world import World
from training.in_memory.blended_lists import write_blended_lists
from training.in_memory.events import events_of
from training.in_memory.load import RoundArrays, load_arrays
from training.in_memory.signals import event_histories
from training.registry.publish import Publisher

STATE = StateSettings(earlier_events=3)
TRAINING = TrainingSettings(earlier_events=3, train_min_events=1)
ONLINE = StreamingSettings(redis_shards=1, earlier_events=3, new_item_min_users=0)
STRENGTHS = StrengthTable.of(DEFAULT_WEIGHTS, StateSettings().rating_strengths)
ALL = [f"i{item:02}" for item in range(30)]
HOT = {"item_to_item/15": 1.0, "transitions_session/0.5": 0.7, "factors": 0.2, "repeats/5": 1.0}
COLD = {"long_view": 1.0, "repeats/10": 0.8}
HOUR_MS = 3_600_000


def shopping(seed: int) -> list[UserEvent]:
    """One user comes back to few items, several at one moment; another one had everything once."""
    random, found = Random(seed), []
    for n in range(90):
        kind = random.choice(["view", "view", "purchase", "purchase", "rating", "like", "dislike", "retract"])
        entry = HistoryEntry(kind, random.randrange(40) * HOUR_MS, _id(n), _value(kind, random))
        found.append(UserEvent("ann", f"i{random.randrange(12):02}", entry))
    found += [
        UserEvent("zoe", item, HistoryEntry("view", n, _id(100 + n), 1.0)) for n, item in enumerate(ALL)
    ]
    random.shuffle(found)
    return found


def _id(number: int) -> str:
    return f"{number:08x}-0000-4000-8000-000000000000"


def _value(kind: str, random: Random) -> float:
    return random.choice([2.0, 4.0, 5.0]) if kind == "rating" else 1.0


def in_training(events: list[UserEvent]) -> Histories:
    return event_histories(lake_of(events), TRAINING).rows(0, 1)


def lake_of(events: list[UserEvent]) -> RoundArrays:
    table = pa.table(
        {
            "user_id": [event.user_id for event in events],
            "item_id": [event.item_id for event in events],
            "type": pa.array([EVENT_TYPES.index(event.entry.event_type) for event in events], pa.int8()),
            "value": [event.entry.value for event in events],
            "time": [event.entry.event_time for event in events],
            "event_id": [event.entry.event_id for event in events],
        }
    )
    data = load_arrays(events_of(table), len(events), TRAINING, 0)
    assert data is not None
    assert data.item_ids.to_pylist() == ALL
    return data


def online(url: str) -> Histories:
    client = redis.Redis.from_url(url)
    reading = read_users(client, ["ann"], StreamingSettings(earlier_events=3), just_arrived=True)
    known_items = read_histories(reading.histories, STRENGTHS, reading.earlier)
    places = np.array([ALL.index(item.decode()) for item in known_items.items], np.int64)
    client.close()
    return signal_histories(known_items, places, np.zeros(1, np.int64))


def write(world: World, url: str, events: list[UserEvent]) -> None:
    world.histories = {}
    world.write(url)
    client = redis.Redis.from_url(url)
    apply_events(client, events, STATE)
    client.close()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_same_events_give_the_same_history_and_scores_everywhere(
    redis_url: str, api: Client, seed: int
) -> None:
    made, events = blend_world(with_known_items=True, hot=HOT, cold=COLD), shopping(seed)
    write(made, redis_url, events)
    trained, live = in_training(events), online(redis_url)
    assert len(trained.items) > len(set(trained.items.tolist()))  # items come again
    for name in ("indptr", "items", "times_ms", "weights", "now_ms"):
        assert getattr(trained, name).tolist() == getattr(live, name).tolist(), name
    for name in ("grades", "strengths"):
        assert getattr(trained, name) == pytest.approx(getattr(live, name)), name
    served = served_blend(made)
    listed = served.blend.rank(served.signals, trained, 10)[0]
    assert listed.tolist() == served.blend.rank(served.signals, live, 10)[0].tolist()
    # The API ranks a user without a fresh list by the cold weights, as a round does.
    expected = Blend(COLD, COLD).score(served.signals, trained)[0]
    scores = asyncio.run(_rank(redis_url, api, "ann"))
    assert {item["item_id"]: item["score"] for item in scores} == pytest.approx(
        dict(zip(ALL, expected.tolist(), strict=True)), abs=2e-5
    )


async def _rank(redis_url: str, api: Client, user: str) -> list[dict[str, Any]]:
    async with api(redis_url) as client:
        path = f"/v1/users/{user}/rank"
        answer = await client.post(path, json={"item_ids": ALL}, params={"explain": "true"})
        items: list[dict[str, Any]] = answer.json()["items"]
        return items


def test_an_item_that_was_bought_often_leads_and_its_reason_says_so(redis_url: str, api: Client) -> None:
    bought = [HistoryEntry("purchase", day * 24 * HOUR_MS, _id(day), 1.0) for day in range(5)]
    viewed = HistoryEntry("view", 2 * 24 * HOUR_MS, _id(9), 1.0)
    events = [*(UserEvent("bob", "i05", entry) for entry in bought), UserEvent("bob", "i08", viewed)]
    write(blend_world(with_known_items=True, hot=COLD, cold={"repeats/10": 1.0}), redis_url, events)
    first, second, *_ = asyncio.run(_rank(redis_url, api, "bob"))
    assert (first["item_id"], first["because"]["reason"]) == ("i05", "you buy this often")
    assert (second["item_id"], second["because"]["reason"]) == ("i08", "you have had this before")
    assert [share["item_id"] for share in first["because"]["items"]] == ["i05"]
    assert first["because"]["items"][0]["share"] == pytest.approx(first["score"], abs=2e-6)


def test_a_state_without_earlier_events_is_ranked_by_its_last_events(redis_url: str, api: Client) -> None:
    made = blend_world(with_known_items=True, hot=HOT, cold=COLD)
    write(made, redis_url, shopping(1))
    with redis.Redis.from_url(redis_url) as client:
        client.delete(keyspace.earlier("ann", made.shards))
    assert set(online(redis_url).items.tolist())
    assert all(item["score"] is not None for item in asyncio.run(_rank(redis_url, api, "ann")))


def test_an_item_of_a_history_has_an_entry_for_each_of_its_times() -> None:
    interacted = [Interacted("b", 2.0, 9, 1.0, (7, 3)), Interacted("a", 1.0, 7, -0.3)]
    histories, rows = as_histories(interacted, lambda ids: np.array([ord(each) for each in ids]), 20)
    assert rows.tolist() == [0, 0, 1, 0]
    assert histories.times_ms.tolist() == [9, 7, 7, 3]
    assert histories.grades.tolist() == [1.0, 1.0, -0.3, 1.0]
    nothing = as_histories([], lambda ids: np.array([], np.int64), 20)
    assert len(nothing.histories.items) == 0


def publish_round(url: str, arrived: dict[str, float], model_age_hours: float = 0.0) -> redis.Redis:
    """A version with its lists, as a round leaves it; users' last events arrived that many hours ago."""
    made, events = blend_world(hot=HOT, cold=COLD), shopping(1)
    events += [UserEvent(user, event.item_id, event.entry) for user in "bx" for event in shopping(ord(user))]
    made.created_at = (datetime.now(timezone.utc) - timedelta(hours=model_age_hours)).isoformat()
    made.top, factors = {}, made.factors
    assert factors is not None
    made.parameters |= {"als_rank": factors.shape[1]}
    write(made, url, events)
    client = redis.Redis.from_url(url)
    client.delete(keyspace.model_factors("v1"))
    client.hset(keyspace.model_factors("v1"), "0", factors.astype("<f4").tobytes())
    client.hset(keyspace.model_factors("v1"), USER_GRAMIAN, (factors.T @ factors).astype("<f8").tobytes())
    seconds, _ = client.time()
    for place, (user, hours) in enumerate(arrived.items()):
        queue = (keyspace.active, keyspace.pending)[place % 2]
        client.zadd(queue(0), {user: 1000 * seconds - hours * HOUR_MS})
    publisher = Publisher(url, shards=1)
    write_blended_lists(publisher, "v1", lake_of(events), served_blend(made), TRAINING)
    return client


@pytest.mark.parametrize(("hours", "hotness"), [(0.0, 1.0), (8.0, 0.5), (None, 0.0)])
def test_a_rounds_list_and_the_first_fresh_list_and_the_answers_are_the_same(
    redis_url: str, api: Client, monkeypatch: pytest.MonkeyPatch, hours: float | None, hotness: float
) -> None:
    """Old events of an import have just arrived, or their user has been away, or no arrival is known."""
    monkeypatch.setattr(fresh_lists, "_models", OnlineModels())
    others = {"ann": 0.0, "x": 30.0}
    client = publish_round(redis_url, others if hours is None else others | {"b": hours})
    batch = _answer(redis_url, api, "b")
    raw: Any = client.hget(keyspace.top_n(0, "v1"), "b")
    assert [ALL[place] for place in decode_ranked(raw)[0]][:10] == [item["item_id"] for item in batch]
    assert {item["source"] for item in batch} == {"als"}

    assert fold_in_users(client, ["b"], {}, ONLINE, just_arrived=False) == []
    raw = client.get(keyspace.fresh("b", 1))
    assert decode_fresh(raw).hotness == pytest.approx(hotness, abs=0.003)
    fresh = _answer(redis_url, api, "b")
    assert {item["source"] for item in fresh} == {"fresh"}
    for one, other in zip(batch, fresh, strict=True):
        assert one["item_id"] == other["item_id"]
        assert one["score"] == pytest.approx(other["score"], abs=1e-2)
        for item in (one, other):
            assert sum(item["because"]["signals"].values()) == pytest.approx(item["score"], abs=1e-5)
    client.close()


def test_a_rounds_hot_list_that_no_fresh_one_has_replaced_cools_when_it_is_asked_for(
    redis_url: str, api: Client
) -> None:
    users = {"b": 0.0, "x": 0.0}
    publish_round(redis_url, users, model_age_hours=7.0).close()
    hot = _answer(redis_url, api, "b")
    assert {item["source"] for item in hot} == {"als"}
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
    publish_round(redis_url, users, model_age_hours=100.0).close()
    cooled = _answer(redis_url, api, "b")
    assert {item["source"] for item in cooled} == {"fresh"}
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
    publish_round(redis_url, {}).close()
    cold = _answer(redis_url, api, "b")
    assert [item["item_id"] for item in cooled] == [item["item_id"] for item in cold]
    assert [item["item_id"] for item in hot] != [item["item_id"] for item in cold]


def _answer(redis_url: str, api: Client, user: str) -> list[dict[str, Any]]:
    async def scenario() -> list[dict[str, Any]]:
        async with api(redis_url) as client:
            path = f"/v1/users/{user}/recommendations"
            answer = await client.get(path, params={"n": "10", "explain": "true"})
            items: list[dict[str, Any]] = answer.json()["items"]
            return items

    return asyncio.run(scenario())
