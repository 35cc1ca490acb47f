"""Live figures of real lists: which events count, for which list, and that none counts twice."""

from __future__ import annotations

import random
from typing import Any

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from contracts.events import EVENT_TYPES, RATING
from contracts.live_figures import (
    BATCH,
    FALLBACK,
    FRESH,
    KEPT,
    POPULAR,
    RETRAINED,
    ListSums,
    add_shards,
    decode_day,
    split_field,
    whole_hours,
)
from contracts.live_outcomes import Outcome, Scored, day_fields
from contracts.settings import StreamingSettings
from contracts.stored import keyspace
from contracts.stored.records import FreshList, HistoryEntry, encode_fresh, encode_ranked
from contracts.strengths import effective, is_positive
from streaming.online.micro_batch import apply_rows
from streaming.online.outcomes import Outcomes, _rank
from streaming.online.rows import RecordRow
from streaming.state.client import connect
from tests.streaming.model_in_redis import publish
from tests.streaming.online.test_micro_batch import like

pytestmark = pytest.mark.redis_cluster_too

DAY, HOUR = "20260101", 7
AT = 1_767_225_600_000 + HOUR * 3_600_000  # that day and hour
ITEMS = [f"i{n:02}" for n in range(40)]
VERSION = "20260101T000000-aaaa"


@pytest.fixture
def settings(redis_url: str) -> StreamingSettings:
    return StreamingSettings(redis_url=redis_url, fold_in=False)


@pytest.fixture
def client(redis_url: str) -> redis.Redis:
    """A model of 40 items: ann has a fresh list, bob that of the last retraining, i30 is the most popular."""
    client = connect(redis_url)
    publish(client, VERSION, ITEMS)
    batch = encode_ranked(range(20), [1.0] * 20)
    for user in ("ann", "bob"):
        client.hset(keyspace.top_n(0, VERSION), user, batch)
    fresh = FreshList(VERSION, 1, {0: 1}, tuple(range(10, 30)), (1.0,) * 20)
    client.set(keyspace.fresh("ann", 1), encode_fresh(fresh))
    client.zadd(keyspace.POPULAR, {item: place for place, item in enumerate(ITEMS[:31])})
    return client


def event(user: str, item: str, offset: int, **changes: Any) -> RecordRow:
    return like(user, item, offset)._replace(through=AT, **changes)


def sums(client: redis.Redis) -> dict[str, ListSums]:
    raw: Any = client.hgetall(keyspace.live(DAY, 0))
    found = decode_day([raw])
    assert found.keys() <= {(HOUR, VERSION)}
    return dict(found[HOUR, VERSION].lists) if found else {}


def at_rank(rank: int, events: int = 0) -> ListSums:
    """The sums of one event whose item had a rank."""
    in_top = rank <= 10
    ndcg = {1: 1_000_000, 2: 630_930, 3: 500_000}
    return ListSums(events, int(in_top), ndcg[rank] if in_top else 0, round(1_000_000 / rank))


def test_an_event_is_scored_against_the_list_that_its_user_had(
    client: redis.Redis, settings: StreamingSettings
) -> None:
    apply_rows(client, [event("ann", "i12", 1)], settings, Outcomes())
    assert sums(client) == {
        FRESH: at_rank(3, events=1),
        RETRAINED: at_rank(13),
        POPULAR: at_rank(19),
    }
    client.delete(keyspace.live(DAY, 0))
    apply_rows(client, [event("bob", "i01", 2)], settings, Outcomes())
    assert sums(client) == {
        BATCH: at_rank(2, events=1),
        RETRAINED: at_rank(2),
        POPULAR: at_rank(30),
    }
    client.delete(keyspace.live(DAY, 0))
    # There is no list for carl, so the answer begins with popular items.
    apply_rows(client, [event("carl", "i29", 3)], settings, Outcomes())
    assert sums(client) == {FALLBACK: at_rank(2, events=1), POPULAR: at_rank(2)}


def test_known_items_of_the_user_are_left_out_of_every_list(
    client: redis.Redis, settings: StreamingSettings
) -> None:
    known = [event("bob", "i00", 1, event_type="view"), event("bob", "i30", 2)]
    apply_rows(client, known, settings)  # a backlog: nothing counts
    assert sums(client) == {}
    later = [event("bob", "i02", 3), event("bob", "i03", 4), event("bob", "i00", 5)]
    apply_rows(client, later, settings, Outcomes())
    found = sums(client)
    # i02 came second, behind i01; then i03 too, since i02 was known by then. i00 was known from the start,
    # and not new as a positive one either.
    assert found[BATCH] == at_rank(2, events=1) + at_rank(2, events=1)
    assert found[RETRAINED] == at_rank(2) + at_rank(2)


def reads_of_all_names(client: redis.Redis) -> int:
    """The number of HKEYS that the server has answered."""
    stats: Any = client.info("commandstats")
    return int(stats.get("cmdstat_hkeys", {"calls": 0})["calls"])


def test_known_items_of_a_long_history_are_left_out_of_the_lists(
    client: redis.Redis, settings: StreamingSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streaming.online.outcomes._MANY_KNOWN", 3)
    # i30 is popular and known for longest; i00 is among the newest.
    known = ["i30", "i35", "i36", "i37", "i00"]
    apply_rows(
        client, [event("bob", item, place, event_time=place) for place, item in enumerate(known, 1)], settings
    )
    before = reads_of_all_names(client)
    apply_rows(client, [event("bob", "i02", 9), event("bob", "i29", 10)], settings, Outcomes())
    assert reads_of_all_names(client) == before
    assert sums(client)[BATCH] == ListSums(2, 1, 630_930, 500_000)
    assert sums(client)[POPULAR].hits == 1


def test_only_new_positive_events_count_and_an_item_of_no_list_is_a_miss(
    client: redis.Redis, settings: StreamingSettings
) -> None:
    events = [
        event("ann", "i00", 1, event_type="dislike"),
        event("ann", "i01", 2, event_type="rating", value=3.5),
        event("ann", "unheard of", 3),
        event("ann", "i13", 4, event_type="retract"),
        event("ann", "i14", 5, event_time=1),  # and what was done before the retraction of the same item:
        event("ann", "i14", 6, event_type="retract", event_time=2),
        event("ann", "i14", 7, event_time=1),
    ]
    apply_rows(client, events, settings, Outcomes())
    assert sums(client)[FRESH].events == 2  # the unheard of, and i14 once
    apply_rows(client, events, settings, Outcomes())
    assert sums(client)[FRESH].events == 2


def test_each_event_counts_once_however_events_are_split_and_repeated(
    client: redis.Redis, settings: StreamingSettings
) -> None:
    events = [event(f"u{n % 7}", ITEMS[n % 40], n) for n in range(120)]
    apply_rows(client, events, settings, Outcomes())
    once = sums(client)[FALLBACK]
    assert once.events == len({(row.user_id, row.item_id) for row in events})
    shuffled = events * 2
    random.Random(5).shuffle(shuffled)
    for start in range(0, len(shuffled), 17):
        apply_rows(client, shuffled[start : start + 17], settings, Outcomes())
    assert sums(client)[FALLBACK] == once


def test_an_item_counts_when_its_strength_becomes_positive(
    client: redis.Redis, settings: StreamingSettings
) -> None:
    drawn = random.Random(7)
    last: dict[tuple[str, str], dict[str, HistoryEntry]] = {}
    expected, events = 0, []
    for n in range(400):
        kind = drawn.choice(EVENT_TYPES)
        value = drawn.choice([0.5, 3.5, 4.0, 5.0]) if kind == RATING else 1.0
        one = event(f"u{n % 3}", drawn.choice(ITEMS[:4]), n, event_type=kind, value=value)
        events.append(one)
        entries = last.setdefault((one.user_id, one.item_id), {})
        before = is_liked(entries, settings)
        entries[kind] = HistoryEntry(kind, one.event_time, one.event_id, value)  # the newest of all
        is_positive_kind = kind != RATING or value >= settings.positive_rating
        expected += is_liked(entries, settings) and not before and is_positive_kind
    for start in range(0, len(events), 40):
        apply_rows(client, events[start : start + 40], settings, Outcomes())
    assert sums(client)[FALLBACK].events == expected > 20


def is_liked(entries: dict[str, HistoryEntry], settings: StreamingSettings) -> bool:
    return is_positive(effective(entries.values()), settings.event_weights, settings.positive_rating)


def test_each_outcome_waits_for_the_lake_once_and_the_outcomes_add_up_to_the_figures(
    client: redis.Redis, settings: StreamingSettings
) -> None:
    events = [event(f"u{n % 7}", ITEMS[n % 40], n) for n in range(60)]
    events += [event("ann", "i12", 90), event("bob", "i01", 91), event("ann", "i12", 92)]
    for repeated in (events[:40], events[20:], events):
        apply_rows(client, repeated, settings, Outcomes())
    waiting: Any = client.lrange(keyspace.outcomes(0), 0, -1)
    found = [Outcome.decode(line) for line in waiting]
    assert len({each.offset for each in found}) == len(found) == 60 + 2
    assert next(each for each in found if each.offset == 90).scored == Scored(VERSION, FRESH, 3, 13, 19)
    raw: Any = client.hgetall(keyspace.live(DAY, 0))
    fields = add_shards([raw])
    assert whole_hours(fields) == {(HOUR, VERSION)}
    recounted = day_fields((each.through, each.scored, 1) for each in found)
    assert recounted == {DAY: {key: n for key, n in fields.items() if split_field(key)[2] != KEPT}}


def test_outcomes_beyond_the_limit_of_redis_count_in_the_figures_and_are_marked_as_not_stored(
    client: redis.Redis, settings: StreamingSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streaming.state.script.MOST_WAITING", 2)
    apply_rows(client, [event("ann", item, n) for n, item in enumerate(ITEMS[:3])], settings, Outcomes())
    assert client.llen(keyspace.outcomes(0)) == 2
    raw: Any = client.hgetall(keyspace.live(DAY, 0))
    assert whole_hours(add_shards([raw])) == set()
    assert sums(client)[FRESH].events == 3


def test_without_a_model_or_with_figures_off_nothing_is_counted(
    client: redis.Redis, settings: StreamingSettings
) -> None:
    off = settings.model_copy(update={"live_figures": False})
    apply_rows(client, [event("ann", "i12", 1)], off, Outcomes())
    client.delete(keyspace.CURRENT_MODEL)
    apply_rows(client, [event("ann", "i13", 2)], settings, Outcomes())
    assert sums(client) == {}


@given(st.lists(st.integers(0, 20), unique=True), st.sets(st.integers(0, 20)), st.integers(0, 20))
def test_the_rank_is_the_place_among_the_items_that_are_not_left_out(
    items: list[int], left_out: set[int], item: int
) -> None:
    shown = [each for each in items if each not in left_out]
    assert _rank(item, items, left_out) == (shown.index(item) + 1 if item in shown else None)
