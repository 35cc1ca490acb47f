"""How much a fold-in reads about users, by the commands that a real Redis counts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis

from contracts.settings import StreamingSettings
from contracts.stored import keyspace
from contracts.stored.records import EarlierEvent, HistoryEntry, encode_earlier, encode_entry
from streaming.fold_in.reading import read_users
from streaming.state.status import note_newest_event

CAP = 3
ENTRY = encode_entry(HistoryEntry("click", 1000, "00000000-0000-4000-8000-000000000001", 1.0))
EARLIER = encode_earlier([EarlierEvent("click", 900)])


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as connection:
        yield connection


@pytest.fixture
def settings(redis_url: str) -> StreamingSettings:
    return StreamingSettings.model_validate({"redis_url": redis_url, "history_cap": CAP, "earlier_events": 2})


def write(client: redis.Redis, user: str, items: int) -> None:
    names = [f"i{n}" for n in range(items)]
    client.hset(keyspace.history(user, 1), mapping=dict.fromkeys(names, ENTRY))
    client.hset(keyspace.earlier(user, 1), mapping=dict.fromkeys(names, EARLIER))
    newest = dict(zip(names[-CAP:], range(CAP), strict=False))
    client.zadd(keyspace.recent(user, 1), newest)


def calls(client: redis.Redis) -> dict[str, Any]:
    found: Any = client.info("commandstats")
    return {name.removeprefix("cmdstat_"): each["calls"] for name, each in found.items()}


def test_a_short_history_is_read_completely_and_a_long_one_only_in_its_newest_part(
    client: redis.Redis, settings: StreamingSettings
) -> None:
    write(client, "few", 2)
    write(client, "many", 9)
    client.config_resetstat()
    found = read_users(client, ["few", "many", "nobody"], settings, just_arrived=True)
    newest = {b"i6", b"i7", b"i8"}
    assert [set(history) for history in found.histories] == [{b"i0", b"i1"}, newest, set()]
    assert [set(items) for items in found.earlier] == [{b"i0", b"i1"}, newest, set()]
    assert [set(more) for more in found.further] == [set(), {b"i%d" % n for n in range(9)}, set()]
    # The second user's whole history is never read.
    assert calls(client)["hgetall"] == 4


def test_how_far_the_events_of_all_users_have_come_is_read_with_them(
    client: redis.Redis, settings: StreamingSettings
) -> None:
    assert read_users(client, ["few"], settings, just_arrived=True).newest_event == 0
    for moment in (7000, 5000):
        note_newest_event(client, moment)
    assert read_users(client, ["few"], settings, just_arrived=False).newest_event == 7000


def test_the_known_items_of_a_bot_are_not_read(
    client: redis.Redis, settings: StreamingSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyspace, "MOST_KNOWN", 8)
    write(client, "bot", 9)
    client.config_resetstat()
    found = read_users(client, ["bot"], settings, just_arrived=False)
    assert set(found.histories[0]) == {b"i6", b"i7", b"i8"}
    assert found.further == [[]]
    assert "hgetall" not in calls(client)
    assert "hkeys" not in calls(client)
