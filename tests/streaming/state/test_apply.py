from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
import redis
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from clients.redis.connection import redis_client
from contracts.events import EVENT_TYPES, MAX_EVENT_TIME_MS
from contracts.settings import StateSettings
from contracts.stored import keyspace
from contracts.stored.records import (
    EarlierEvent,
    HistoryEntry,
    Popularity,
    Trend,
    decode_catalog,
    decode_earlier,
    decode_history,
)
from contracts.strengths import effective
from streaming.state.apply import CatalogRecord, UserEvent, apply_catalog, apply_events
from streaming.state.keys import state_digest
from streaming.state.merged_lists import merge_items
from tests.streaming import state_oracle

STATE = StateSettings(
    redis_shards=2,
    together_window=3,
    together_degree=2,
    history_cap=4,
    trend_half_lives=(300, 3600, 604_800),
    earlier_events=3,
)
IDS = [f"{n:08x}-0000-4000-8000-{n:012x}" for n in range(4)]
WITH_CLIENT = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis_client(redis_url) as connection:
        yield connection


def entries() -> st.SearchStrategy[HistoryEntry]:
    # Times of the same octave, of neighbouring ones, and so far apart that the old octaves are dropped.
    times = [0, 1, 999, 300_000, 1_700_000_000_000, 1_700_000_090_000, 1_700_000_300_000, 253_402_300_799_999]
    return st.builds(
        HistoryEntry,
        event_type=st.sampled_from(EVENT_TYPES),
        event_time=st.sampled_from(times),
        event_id=st.sampled_from(IDS),
        value=st.sampled_from([0.5, 1.0, 3.3, 5.0]),
    )


def events() -> st.SearchStrategy[list[UserEvent]]:
    users = st.sampled_from(["a", "b", "ü", "x:{y}"])
    items = st.sampled_from(["1", "2", "3", "4", "é\u2028", "{0}", "-"])
    return st.lists(st.builds(UserEvent, users, items, entries()), max_size=30)


def apply(client: redis.Redis, batches: list[list[UserEvent]], state: StateSettings = STATE) -> str:
    client.flushall()
    for batch in batches:
        apply_events(client, batch, state)
        merge_items(client, (e.item_id for e in batch), state)
    return state_digest(client)


def pairs(client: redis.Redis, items: set[str], state: StateSettings) -> dict[str, dict[str, int]]:
    """The state's counts of items that were liked together, over all shards."""
    counted = {}
    for item in items:
        found: dict[str, int] = {}
        for shard in range(state.redis_shards):
            for other, users in client.zrange(keyspace.together(item, shard), 0, -1, withscores=True):
                found[other.decode()] = found.get(other.decode(), 0) + int(users)
        counted[item] = found
    return {item: found for item, found in counted.items() if found}


@WITH_CLIENT
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


@WITH_CLIENT
@given(given_events=events())
def test_the_state_equals_a_plain_recount(client: redis.Redis, given_events: list[UserEvent]) -> None:
    apply(client, [given_events])
    winners = state_oracle.last_writers(given_events)
    for user, items in winners.items():
        stored = {
            key: {
                item.decode(): {e.event_type: e for e in decode_history(raw)}
                for item, raw in client.hgetall(key_of(user, STATE.redis_shards)).items()
            }
            for key, key_of in (("known", keyspace.history), ("gone", keyspace.retracted_items))
        }
        counted = {item for item, by_type in items.items() if effective(by_type.values())}
        assert stored["known"] == {item: items[item] for item in counted}
        assert stored["gone"] == {item: items[item] for item in items.keys() - counted}
        recent = client.zrange(keyspace.recent(user, STATE.redis_shards), 0, -1, withscores=True)
        assert {item.decode(): score for item, score in recent} == state_oracle.recent(items, STATE)


def test_the_newest_items_are_kept_even_at_the_largest_possible_event_time(redis_url: str) -> None:
    client = redis_client(redis_url)
    event_id = "00000000-0000-4000-8000-000000000000"
    likes = [
        UserEvent("a", str(item), HistoryEntry("like", MAX_EVENT_TIME_MS, event_id, 1.0))
        for item in range(STATE.history_cap + 1)
    ]
    apply(client, [likes])
    recent = client.zrange(keyspace.recent("a", STATE.redis_shards), 0, -1)
    assert {item.decode() for item in recent} == {event.item_id for event in likes}


def stored_earlier(client: redis.Redis) -> dict[tuple[str, str], list[EarlierEvent]]:
    found = {}
    for user in ("a", "b", "ü", "x:{y}"):
        for item, raw in client.hgetall(keyspace.earlier(user, STATE.redis_shards)).items():
            found[user, item.decode()] = decode_earlier(raw)
    return found


def few_pairs() -> st.SearchStrategy[list[UserEvent]]:
    """More events of an item than the state keeps."""
    entry = st.builds(
        HistoryEntry,
        event_type=st.sampled_from(["view", "like", "dislike", "rating", "retract"]),
        event_time=st.integers(0, 8),
        event_id=st.sampled_from(IDS[:2]),
        value=st.just(1.0),
    )
    return st.lists(st.builds(UserEvent, st.sampled_from("ab"), st.sampled_from("12"), entry), max_size=40)


@WITH_CLIENT
@given(given_events=few_pairs(), data=st.data())
def test_the_newest_earlier_moments_of_each_item_are_kept_in_any_order(
    client: redis.Redis, given_events: list[UserEvent], data: st.DataObject
) -> None:
    expected = state_oracle.earlier(given_events, STATE)
    digest = apply(client, [given_events])
    assert stored_earlier(client) == expected
    shuffled = data.draw(st.permutations(given_events * 2))
    cut = data.draw(st.integers(0, len(shuffled)))
    assert apply(client, [shuffled[:cut], shuffled[cut:]]) == digest
    assert stored_earlier(client) == expected


def test_with_a_limit_of_zero_no_earlier_events_are_kept(client: redis.Redis) -> None:
    views = [UserEvent("a", "x", HistoryEntry("view", moment, IDS[0], 1.0)) for moment in (3, 1, 2)]
    apply(client, [views], STATE.model_copy(update={"earlier_events": 0}))
    assert not client.exists(keyspace.earlier("a", STATE.redis_shards))
    apply(client, [views])
    kept = [EarlierEvent("view", 2), EarlierEvent("view", 1)]
    assert stored_earlier(client) == {("a", "x"): kept}


@WITH_CLIENT
@given(given_events=events())
def test_popularity_and_trends_equal_a_plain_recount(
    client: redis.Redis, given_events: list[UserEvent]
) -> None:
    apply(client, [given_events])
    winners = state_oracle.last_writers(given_events)
    for item in {event.item_id for event in given_events}:
        popularity = Popularity.decode(client.hget(keyspace.POPULARITY, item))
        assert popularity == state_oracle.popularity(winners, item)
        assert client.zscore(keyspace.POPULAR, item) == popularity.score(STATE.event_weights)
        by_shard = [client.hget(keyspace.trend_shard(s), item) for s in range(STATE.redis_shards)]
        for shard, raw in enumerate(by_shard):
            of_shard = {u: items for u, items in winners.items() if keyspace.shard_of(u, 2) == shard}
            if any(item in items for items in of_shard.values()):
                assert Trend.decode(raw) == state_oracle.trend(of_shard, item, STATE)
            else:
                assert raw is None


@WITH_CLIENT
@given(given_events=events())
def test_pairs_are_counted_for_the_newest_liked_items_of_each_user(
    client: redis.Redis, given_events: list[UserEvent]
) -> None:
    apply(client, [given_events])
    expected = state_oracle.together(state_oracle.last_writers(given_events), STATE)
    assert pairs(client, {event.item_id for event in given_events}, STATE) == plain(expected)


# Few liked ones stand at the end of the newest, too; many fill the window.
@pytest.mark.parametrize("values", [(1.0, 1.0, 1.0, 5.0), (1.0, 5.0, 5.0, 5.0)])
@settings(WITH_CLIENT, max_examples=200)
@given(
    touches=st.lists(
        st.tuples(
            st.sampled_from([f"i{n}" for n in range(9)]),
            st.sampled_from(["rating"] * 6 + ["like", "dislike", "retract"]),
            st.integers(0, 3),  # which of the values
            st.sampled_from([0, 0, 0, 1, 3]),  # behind the newest
        ),
        max_size=60,
    ),
    window=st.sampled_from([2, 3]),
    cap=st.sampled_from([4, 5, 100]),
)
@example(  # an item in the middle is touched again: the last of the newest stays among them
    touches=[(f"i{n}", "rating", 3 if n < 2 else 0, 0) for n in (0, 1, 2, 3, 4, 5, 3)], window=2, cap=100
)
def test_each_event_changes_the_pairs_of_its_user(
    client: redis.Redis,
    values: tuple[float, ...],
    touches: list[tuple[str, str, int, int]],
    window: int,
    cap: int,
) -> None:
    state = StateSettings(redis_shards=2, together_window=window, together_degree=1, history_cap=cap)
    given_events = [
        UserEvent("a", item, HistoryEntry(kind, 10 + n - late, IDS[0], values[which]))
        for n, (item, kind, which, late) in enumerate(touches)
    ]
    apply(client, [[event] for event in given_events], state)
    expected = state_oracle.together(state_oracle.last_writers(given_events), state)
    assert pairs(client, {event.item_id for event in given_events}, state) == plain(expected)


def plain(counts: dict[str, Counter[str]]) -> dict[str, dict[str, int]]:
    return {item: dict(others) for item, others in counts.items() if others}


def test_a_retraction_makes_the_item_unknown_again_and_its_counts_go_down(client: redis.Redis) -> None:
    liked = UserEvent("a", "x", HistoryEntry("rating", 10, IDS[0], 5.0))
    also = UserEvent("b", "x", HistoryEntry("rating", 10, IDS[1], 4.0))
    taken_back = UserEvent("a", "x", HistoryEntry("retract", 11, IDS[2], 1.0))
    apply(client, [[liked, also], [taken_back]])
    assert client.hkeys(keyspace.history("a", STATE.redis_shards)) == []
    assert Popularity.decode(client.hget(keyspace.POPULARITY, "x")).raters == 1
    assert client.zscore(keyspace.POPULAR, "x") == 4.0


def test_the_popularity_score_is_raters_times_mean(client: redis.Redis) -> None:
    ratings = [("a", 4.0), ("b", 5.0), ("c", 1.5)]
    batch = [UserEvent(u, "x", HistoryEntry("rating", 1, IDS[0], v)) for u, v in ratings]
    apply(client, [batch])
    popularity = Popularity.decode(client.hget(keyspace.POPULARITY, "x"))
    assert (popularity.raters, popularity.mean) == (3, 3.5)
    assert client.zscore(keyspace.POPULAR, "x") == 10.5


@pytest.mark.redis_cluster_too
def test_more_events_of_a_user_than_a_script_takes_are_all_applied(client: redis.Redis) -> None:
    batch = [UserEvent("a", str(n), HistoryEntry("view", n, IDS[0], 1.0)) for n in range(2500)]
    assert apply_events(client, batch, STATE) == 2500
    assert client.hlen(keyspace.history("a", STATE.redis_shards)) == 2500
    assert client.zcard(keyspace.recent("a", STATE.redis_shards)) == STATE.history_cap


@WITH_CLIENT
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
        apply_catalog(client, [record])
    digest = state_digest(client)
    client.flushall()
    apply_catalog(client, sorted(records, reverse=True))
    assert state_digest(client) == digest
    assert decode_catalog(client.hget(keyspace.CATALOG_ITEMS, "x"))["title"] in ("a", "b")


@pytest.mark.redis_cluster_too
def test_catalogue_entries_of_users_have_a_separate_hash(client: redis.Redis) -> None:
    apply_catalog(client, [CatalogRecord("item", "i", 1, "{}"), CatalogRecord("user", "a", 1, "{}")])
    assert client.hkeys(keyspace.CATALOG_USERS) == [b"a"]
    assert client.hkeys(keyspace.CATALOG_ITEMS) == [b"i"]
