from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts import keyspace
from contracts.events import EVENT_TYPES
from contracts.records import HistoryEntry, Popularity, decode_catalog, decode_history
from streaming import redis_sink
from streaming.redis_sink import CatalogRecord, UserEvent

SHARDS = 2
WEIGHTS = {"view": 1.0, "click": 2.0, "dislike": -1.0}
IDS = [f"{n:08x}-0000-4000-8000-{n:012x}" for n in range(4)]


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as connection:
        yield connection


def events() -> st.SearchStrategy[list[UserEvent]]:
    entry = st.builds(
        HistoryEntry,
        event_type=st.sampled_from(EVENT_TYPES),
        event_time=st.sampled_from([0, 1, 999, 1_700_000_000_000, 253_402_300_799_999]),
        event_id=st.sampled_from(IDS),
        value=st.sampled_from([0.5, 1.0, 3.3, 5.0]),
    )
    users = st.sampled_from(["a", "b", "ü", "x:{y}"])
    items = st.sampled_from(["1", "2", "é\u2028", "{0}"])
    return st.lists(st.builds(UserEvent, users, items, entry), max_size=25)


def apply(client: redis.Redis, batches: list[list[UserEvent]]) -> str:
    client.flushall()
    for batch in batches:
        redis_sink.apply_events(client, batch, SHARDS)
        redis_sink.merge_popularity(client, (e.item_id for e in batch), SHARDS, WEIGHTS)
    return redis_sink.state_digest(client, SHARDS)


def last_writers(given_events: list[UserEvent]) -> dict[tuple[str, str, str], HistoryEntry]:
    winners: dict[tuple[str, str, str], HistoryEntry] = {}
    for event in sorted(given_events, key=lambda e: (e.entry.event_time, e.entry.event_id, e.entry.value)):
        winners[event.user_id, event.item_id, event.entry.event_type] = event.entry
    return winners


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(given_events=events(), data=st.data())
def test_any_order_repetition_and_split_gives_the_state_of_one_sorted_pass(
    client: redis.Redis, given_events: list[UserEvent], data: st.DataObject
) -> None:
    in_order = sorted(given_events, key=lambda e: (e.entry.event_time, e.entry.event_id))
    expected = apply(client, [[event] for event in in_order])
    repeated = given_events + (data.draw(st.lists(st.sampled_from(given_events))) if given_events else [])
    shuffled = data.draw(st.permutations(repeated))
    cut = data.draw(st.integers(0, len(shuffled)))
    assert apply(client, [shuffled[:cut], shuffled[cut:], shuffled[:cut]]) == expected


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(given_events=events())
def test_the_state_is_what_a_plain_recount_gives(client: redis.Redis, given_events: list[UserEvent]) -> None:
    apply(client, [given_events])
    winners = last_writers(given_events)
    for user in {key[0] for key in winners}:
        stored = client.hgetall(keyspace.history(user, SHARDS))
        entries = {
            (user, item.decode(), entry.event_type): entry
            for item, raw in stored.items()
            for entry in decode_history(raw)
        }
        assert entries == {key: value for key, value in winners.items() if key[0] == user}
    for item in {key[1] for key in winners}:
        popularity = Popularity.decode(client.hget(keyspace.POPULARITY, item))
        ratings = [e.value for (_, i, kind), e in winners.items() if i == item and kind == "rating"]
        assert popularity.users == len({user for user, i, _ in winners if i == item})
        assert popularity.raters == len(ratings)
        assert popularity.rating_sum_micros == sum(round(value * 1_000_000) for value in ratings)
        assert client.zscore(keyspace.POPULAR, item) == popularity.score(WEIGHTS)


def test_popularity_is_raters_times_mean(client: redis.Redis) -> None:
    ratings = [("a", 4.0), ("b", 5.0), ("c", 1.5)]
    batch = [UserEvent(u, "x", HistoryEntry("rating", 1, IDS[0], v)) for u, v in ratings]
    apply(client, [batch])
    popularity = Popularity.decode(client.hget(keyspace.POPULARITY, "x"))
    assert (popularity.raters, popularity.mean) == (3, 3.5)
    assert client.zscore(keyspace.POPULAR, "x") == 10.5


def test_a_user_with_more_events_than_a_script_takes_is_applied_whole(client: redis.Redis) -> None:
    batch = [UserEvent("a", str(n), HistoryEntry("view", n, IDS[0], 1.0)) for n in range(2500)]
    assert redis_sink.apply_events(client, batch, SHARDS) == 2500
    assert client.hlen(keyspace.history("a", SHARDS)) == 2500


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    order=st.permutations(
        [("x", 1, '{"title":"old"}'), ("x", 2, '{"title":"b"}'), ("x", 2, '{"title":"a"}'), ("y", 1, "{}")]
    ),
    repeat=st.integers(1, 3),
)
def test_the_newest_catalogue_entry_wins_in_any_order(
    client: redis.Redis, order: list[tuple[str, int, str]], repeat: int
) -> None:
    records = [CatalogRecord("item", entry_id, moment, text) for entry_id, moment, text in order]
    client.flushall()
    for record in records * repeat:
        redis_sink.apply_catalog(client, [record])
    digest = redis_sink.state_digest(client, SHARDS)
    client.flushall()
    redis_sink.apply_catalog(client, sorted(records, reverse=True))
    assert redis_sink.state_digest(client, SHARDS) == digest
    assert decode_catalog(client.hget(keyspace.CATALOG_ITEMS, "x"))["title"] in ("a", "b")


def test_a_catalogue_item_without_events_is_in_the_popular_list_with_score_zero(client: redis.Redis) -> None:
    apply(client, [[UserEvent("a", "rated", HistoryEntry("rating", 1, IDS[0], 4.0))]])
    records = [CatalogRecord("item", name, 1, "{}") for name in ("rated", "unseen")]
    redis_sink.apply_catalog(client, [*records, CatalogRecord("user", "a", 1, "{}")])
    assert client.zrange(keyspace.POPULAR, 0, -1, withscores=True) == [(b"unseen", 0.0), (b"rated", 4.0)]
    assert client.hkeys(keyspace.CATALOG_USERS) == [b"a"]


def test_clearing_the_state_leaves_models_and_offsets(client: redis.Redis) -> None:
    apply(client, [[UserEvent("a", "x", HistoryEntry("view", 1, IDS[0], 1.0))]])
    client.set(keyspace.CURRENT_MODEL, "v")
    redis_sink.write_applied(client, keyspace.APPLIED_ONLINE, {"interactions:0": 5})
    redis_sink.clear_state(client, SHARDS)
    assert sorted(client.keys()) == [keyspace.APPLIED_ONLINE.encode(), keyspace.CURRENT_MODEL.encode()]
    assert client.hgetall(keyspace.APPLIED_ONLINE) == {b"interactions:0": b"5"}


def test_the_digest_sees_every_byte(client: redis.Redis) -> None:
    apply(client, [[UserEvent("a", "x", HistoryEntry("rating", 1, IDS[0], 4.0))]])
    before = redis_sink.state_digest(client, SHARDS)
    client.zadd(keyspace.POPULAR, {"x": 4.000001})
    assert redis_sink.state_digest(client, SHARDS) != before
