from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from contracts.settings import StateSettings
from contracts.stored.keyspace import shard_of
from contracts.stored.records import Trend
from stack.verify.ledgers import EVENTS
from stack.verify.recount import below, last_writers, recount
from streaming.state.apply import UserEvent
from tests.examples import examples
from tests.stack.ledger_world import SETTINGS, Sent, head_of, oracle_state, user_events
from tests.streaming import state_oracle

FEW = examples(60)
HEAD = head_of(SETTINGS, {})


def _lake(events: list[UserEvent]) -> pa.Table:
    return pa.Table.from_pylist([Sent(0, n, event).row for n, event in enumerate(events)], EVENTS)


@FEW
@given(st.lists(user_events(), max_size=40))
def test_the_recount_equals_that_of_a_plain_loop(events: list[UserEvent]) -> None:
    assert recount(_lake(events), HEAD) == oracle_state(events, SETTINGS)


@FEW
@given(st.lists(user_events(), max_size=20), st.data())
def test_order_and_repetition_do_not_matter(events: list[UserEvent], data: st.DataObject) -> None:
    repeated = events + (data.draw(st.lists(st.sampled_from(events))) if events else [])
    shuffled = data.draw(st.permutations(repeated))
    assert recount(_lake(shuffled), HEAD) == recount(_lake(events), HEAD)


@FEW
@given(st.lists(user_events(), max_size=20))
def test_each_shard_drops_old_entries_by_its_own_newest_entry(events: list[UserEvent]) -> None:
    sharded = StateSettings(redis_shards=3)
    whole = recount(_lake(events), head_of(sharded, {}))
    assert whole.histories == recount(_lake(events), HEAD).histories
    for place, half_life in enumerate(sharded.trend_half_lives):
        for item in {event.item_id for event in events}:
            assert whole.trending[half_life].get(item) == _trend(events, item, sharded).score(place)


def _trend(events: list[UserEvent], item: str, sharded: StateSettings) -> Trend:
    winners = state_oracle.last_writers(events)
    by_shard: list[dict[str, dict[str, state_oracle.Entries]]] = [{} for _ in range(sharded.redis_shards)]
    for user, items in winners.items():
        by_shard[shard_of(user, sharded.redis_shards)][user] = items
    touched = [users for users in by_shard if any(item in items for items in users.values())]
    return sum((state_oracle.trend(users, item, sharded) for users in touched), Trend())


def test_last_writers_are_sorted_and_there_is_one_for_each_type() -> None:
    rows = [
        {
            "user_id": "u",
            "item_id": "b",
            "event_type": "view",
            "event_time": 1,
            "event_id": "1",
            "value": 1.0,
        },
        {
            "user_id": "u",
            "item_id": "a",
            "event_type": "view",
            "event_time": 2,
            "event_id": "1",
            "value": 1.0,
        },
        {
            "user_id": "u",
            "item_id": "a",
            "event_type": "view",
            "event_time": 2,
            "event_id": "2",
            "value": 1.0,
        },
        {
            "user_id": "u",
            "item_id": "a",
            "event_type": "like",
            "event_time": 0,
            "event_id": "9",
            "value": 1.0,
        },
    ]
    winners = last_writers(pa.Table.from_pylist(rows, EVENTS))[0].to_pylist()
    assert [(row["item_id"], row["event_type"], row["event_id"]) for row in winners] == [
        ("a", "like", "9"),
        ("a", "view", "2"),
        ("b", "view", "1"),
    ]


def test_rows_from_a_bound_on_are_left_out_and_a_partition_without_a_bound_is_read_to_its_end() -> None:
    rows = [{"partition": p, "offset": o} for p in (0, 1, 2) for o in (0, 1, 2)]
    kept = below(pa.Table.from_pylist(rows, EVENTS), {0: 1, 1: 0})
    assert list(zip(kept["partition"].to_pylist(), kept["offset"].to_pylist(), strict=True)) == [
        (0, 0),
        (2, 0),
        (2, 1),
        (2, 2),
    ]
