from __future__ import annotations

import inspect
import re

from hypothesis import given
from hypothesis import strategies as st

from contracts.stored import keyspace

TAG = re.compile(r"\{([^}]*)\}")


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=50), st.integers(1, 16_384))
def test_a_user_and_the_popularity_it_moves_share_a_hash_tag(user: str, shards: int) -> None:
    shard = keyspace.shard_of(user, shards)
    assert 0 <= shard < shards
    tags = {
        TAG.findall(key)[0]
        for key in (
            keyspace.history(user, shards),
            keyspace.popularity_shard(shard),
            keyspace.top_n(shard, "v1"),
        )
    }
    assert tags == {str(shard)}


def test_the_shard_of_a_user_never_changes() -> None:
    assert [keyspace.shard_of(user, 16) for user in ("1", "u1", "ü")] == [7, 6, 5]


def test_every_key_begins_with_the_prefix_and_no_two_keys_are_equal() -> None:
    fixed = [v for n, v in vars(keyspace).items() if n.isupper() and isinstance(v, str)]
    made = [*keyspace.version_keys("v1", 3), keyspace.history("u", 1), keyspace.popularity_shard(0)]
    keys = fixed + made
    assert all(key.startswith("hw:") for key in keys)
    assert len(set(keys)) == len(keys)


def test_pruning_a_version_reaches_every_key_that_carries_one() -> None:
    versioned = [
        f
        for _, f in inspect.getmembers(keyspace, inspect.isfunction)
        if "version" in inspect.signature(f).parameters and f is not keyspace.new_item_users  # expire
    ]
    made = {
        f(**{n: {"version": "v9", "shard": 0}[n] for n in inspect.signature(f).parameters})
        for f in versioned
        if f is not keyspace.version_keys
    }
    assert made == set(keyspace.version_keys("v9", 1))


def test_a_trend_has_a_key_for_its_half_life_or_the_key_of_popularity() -> None:
    assert keyspace.trend_counter(3_600_000.0) == keyspace.trending(3600)
    assert keyspace.trend_counter(0.0) == keyspace.POPULAR
