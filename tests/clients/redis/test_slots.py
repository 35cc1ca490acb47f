from __future__ import annotations

from collections.abc import Sequence

import pytest

from clients.redis.slots import command_in_cluster, slot_of
from contracts.experiments.changes import CHANGE_KEYS
from contracts.settings import StateSettings
from contracts.stored import keyspace
from contracts.stored.pointer import MOVE_KEYS
from streaming.state.apply import user_keys

EPOCH = keyspace.STREAMING_EPOCH


@pytest.mark.parametrize(
    "keys",
    [
        MOVE_KEYS,
        CHANGE_KEYS,
        (keyspace.STREAMING_LEASE, EPOCH),
        (keyspace.APPLIED_ONLINE, EPOCH),
        (keyspace.TOUCHED, keyspace.MERGING),
        (keyspace.new_items("v1"), keyspace.new_factors("v1")),
        (keyspace.pending(3), keyspace.active(3), keyspace.cooling(3)),
        (keyspace.top_n(3, "v1"), keyspace.top_n(3, "v2")),
        user_keys("ann", 64),
    ],
)
def test_the_keys_of_each_script_and_transaction_lie_in_one_slot(keys: Sequence[str]) -> None:
    command = command_in_cluster(("EVALSHA", "0" * 40, len(keys), *keys, "an argument"))
    assert len({slot_of(("GET", key)) for key in command[3:-1]}) == 1


def test_only_the_keys_with_a_name_for_clusters_are_renamed() -> None:
    there = keyspace.CLUSTER_NAMES[EPOCH]
    assert command_in_cluster(("SET", EPOCH, EPOCH)) == ("SET", there, EPOCH)
    assert command_in_cluster(("GET", EPOCH.encode())) == ("GET", there)
    assert command_in_cluster(("EVAL", "return 1", 1, "k", EPOCH)) == ("EVAL", "return 1", 1, "k", EPOCH)
    assert command_in_cluster(("EXISTS", "k", EPOCH)) == ("EXISTS", "k", there)
    lake = keyspace.APPLIED_LAKE
    assert command_in_cluster(("HSET", lake, EPOCH, 1))[1:3] == (lake, EPOCH)
    assert command_in_cluster(("TIME",)) == ("TIME",)


def test_users_are_spread_over_as_many_slots_as_there_are_shards() -> None:
    settings = StateSettings(redis_shards=64)
    histories = [keyspace.history(f"u{n}", settings.redis_shards) for n in range(2000)]
    slots = {slot_of(("HGETALL", history)) for history in histories}
    assert len(slots) == 64
    thirds = [sum(slot * 3 // 16_384 == place for slot in slots) for place in range(3)]
    assert min(thirds) > 15, "three servers share the users about evenly"


def test_the_clock_of_one_server_counts_for_all() -> None:
    assert slot_of(("TIME",)) == slot_of(("GET", keyspace.STATE_VERSION))
