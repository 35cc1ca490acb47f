"""Compares the formulas with a Redis that holds the real records of some thousand users."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from contracts.stored import keyspace, memory
from contracts.stored.memory import World
from contracts.stored.records import (
    EarlierEvent,
    FreshList,
    HistoryEntry,
    Popularity,
    Trend,
    encode_catalog,
    encode_earlier,
    encode_entry,
    encode_fresh,
    encode_ids,
    encode_ranked,
    encode_ranked_ids,
)
from contracts.stored.signal_arrays import StoredRows, encode_rows, encode_vector
from tests.examples import examples

WORLD = World(
    users=3000,
    items=1500,
    interactions=90_000,
    n=60,
    rank=24,
    shards=2,
    versions=1,
    days=40,
    described_users=0.5,
    segments=40,
    shown=150,
    repeats=1.5,
)
VERSION = "20260101T000000-abcd"
NOW = 1_767_225_600_000


def shares(shape: str, rng: np.random.Generator) -> np.ndarray:
    """Lengths of histories, with and without the distribution that the formulas assume."""
    return rng.lognormal(0, 1, WORLD.users) if shape == "log-normal" else rng.exponential(1, WORLD.users)


@pytest.fixture(params=["log-normal", "exponential"])
def histories(request: pytest.FixtureRequest) -> list[list[int]]:
    """Items by a long tail."""
    rng = np.random.default_rng(8)
    lengths = shares(request.param, rng)
    lengths = np.clip(lengths / lengths.mean() * 30, 1, WORLD.items // 2).astype(int)
    chances = 1 / (20 + np.arange(WORLD.items))
    chances /= chances.sum()
    return [rng.choice(WORLD.items, size=n, replace=False, p=chances).tolist() for n in lengths]


def users(given_histories: list[list[int]]) -> Iterator[tuple[str, int, list[str]]]:
    for user, items in enumerate(given_histories):
        user_id = f"u{user:07d}"
        yield user_id, keyspace.shard_of(user_id, WORLD.shards), [f"i{item:07d}" for item in items]


def write_histories(pipe: Any, given_histories: list[list[int]]) -> None:
    for user_id, _, items in users(given_histories):
        entry = HistoryEntry("rating", NOW, str(uuid.uuid4()), 4.5)
        pipe.hset(keyspace.history(user_id, 2), mapping=dict.fromkeys(items, encode_entry(entry)))


def write_earlier(pipe: Any, given_histories: list[list[int]]) -> None:
    rng = np.random.default_rng(10)
    for user_id, _, items in users(given_histories):
        repeats = np.minimum(rng.geometric(1 / (1 + WORLD.repeats), len(items)) - 1, WORLD.earlier_events)
        found = {
            item: encode_earlier(EarlierEvent("purchase", NOW - n) for n in range(many))
            for item, many in zip(items, repeats.tolist(), strict=True)
            if many
        }
        if found:
            pipe.hset(keyspace.earlier(user_id, 2), mapping=found)


def write_recent(pipe: Any, given_histories: list[list[int]]) -> None:
    for user_id, _, items in users(given_histories):
        pipe.zadd(
            keyspace.recent(user_id, 2),
            {item: NOW - place + place % 2 / 2 for place, item in enumerate(items)},
        )


def write_popularity(pipe: Any, given_histories: list[list[int]]) -> None:
    for key in (keyspace.POPULARITY, *(keyspace.popularity_shard(shard) for shard in range(2))):
        pipe.hset(key, mapping={f"i{n:07d}": Popularity(n).encode() for n in range(WORLD.items)})


def write_trends(pipe: Any, given_histories: list[list[int]]) -> None:
    rng = np.random.default_rng(2)
    octaves: dict[tuple[int, str], dict[tuple[int, int], int]] = {}
    for _, shard, items in users(given_histories):
        for item in items:
            moment = NOW / 1000 - rng.random() * WORLD.days * 86_400
            for place, half_life in enumerate(WORLD.half_lives):
                octaves.setdefault((shard, item), {})[place, int(moment // half_life)] = 1
    for (shard, item), trend in octaves.items():
        newest = dict(sorted(trend))  # of each place, its greatest octave
        kept = {key: total for key, total in trend.items() if key[1] > newest[key[0]] - 32}
        pipe.hset(keyspace.trend_shard(shard), item, Trend(kept).encode())


def write_rankings(pipe: Any, given_histories: list[list[int]]) -> None:
    rng = np.random.default_rng(3)
    lists = [(keyspace.POPULAR, keyspace.popular_in)]
    lists += [(keyspace.trending(h), lambda c, h=h: keyspace.trending_in(h, c)) for h in WORLD.half_lives]
    for overall, of_category in lists:
        scores = {f"i{n:07d}": float(rng.random() * 1000) for n in range(WORLD.items)}
        pipe.zadd(overall, scores)
        for n, (item, score) in enumerate(scores.items()):
            for category in (n % 20, (n // 20) % 20):
                pipe.zadd(of_category(f"category {category}"), {item: score})
    pipe.zadd(keyspace.NEWEST, {f"i{n:07d}": NOW - n for n in range(WORLD.items)})


def write_together(pipe: Any, given_histories: list[list[int]]) -> None:
    for _, shard, items in users(given_histories):
        newest = items[: WORLD.together_window]
        for place, item in enumerate(newest):
            for other in newest[place + 1 : place + 1 + WORLD.together_degree]:
                pipe.zincrby(keyspace.together(item, shard), 1, other)
                pipe.zincrby(keyspace.together(other, shard), 1, item)


def write_catalog(pipe: Any, given_histories: list[list[int]]) -> None:
    for n in range(WORLD.items):
        pipe.hset(keyspace.CATALOG_ITEMS, f"i{n:07d}", encode_catalog(NOW, "x" * WORLD.catalog_size))
        pipe.hset(keyspace.ITEM_CATEGORIES, f"i{n:07d}", '["category 1","category 2"]')


def write_user_metadata(pipe: Any, given_histories: list[list[int]]) -> None:
    for user_id in [user_id for user_id, _, _ in users(given_histories)][::2]:
        pipe.hset(keyspace.CATALOG_USERS, user_id, encode_catalog(NOW, "x" * WORLD.user_catalog_size))


def write_shown(pipe: Any, given_histories: list[list[int]]) -> None:
    rng = np.random.default_rng(7)
    for user_id, _, _ in users(given_histories):
        picked = rng.choice(WORLD.items, WORLD.shown, replace=False).tolist()
        pipe.zadd(keyspace.shown_items(user_id, 2), {f"i{item:07d}": NOW - item for item in picked})
        pipe.expire(keyspace.shown_items(user_id, 2), 10_000)


def write_fresh(pipe: Any, given_histories: list[list[int]]) -> None:
    rng = np.random.default_rng(4)
    for user_id, _, _ in users(given_histories):
        indexes = tuple(rng.integers(0, WORLD.items, WORLD.n).tolist())
        fresh = FreshList(
            VERSION, NOW, dict.fromkeys(range(4), 7), indexes, tuple(rng.random(WORLD.n).tolist())
        )
        pipe.set(keyspace.fresh(user_id, 2), encode_fresh(fresh), ex=10_000)


def write_model_lists(pipe: Any, given_histories: list[list[int]]) -> None:
    rng = np.random.default_rng(5)
    for user_id, shard, _ in users(given_histories):
        raw = encode_ranked(rng.integers(0, WORLD.items, WORLD.n).tolist(), rng.random(WORLD.n).tolist())
        pipe.hset(keyspace.top_n(shard, VERSION), user_id, raw)


def write_neighbours(pipe: Any, given_histories: list[list[int]]) -> None:
    rng = np.random.default_rng(6)
    for n in range(WORLD.items):
        raw = encode_ranked(rng.integers(0, WORLD.items, 50).tolist(), rng.random(50).tolist())
        pipe.hset(keyspace.similar_items(VERSION), f"i{n:07d}", raw)
        ids = [f"u{user:07d}" for user in rng.integers(0, WORLD.users, 50)]
        pipe.hset(keyspace.top_users(VERSION), f"i{n:07d}", encode_ranked_ids(ids, rng.random(50).tolist()))


def write_segments(pipe: Any, given_histories: list[list[int]]) -> None:
    rng = np.random.default_rng(9)
    for segment in range(WORLD.segments):
        raw = encode_ranked(rng.integers(0, WORLD.items, WORLD.n).tolist(), rng.random(WORLD.n).tolist())
        pipe.hset(keyspace.segment_lists(VERSION), f"occupation={segment:02d} & age=50+", raw)


def write_factors(pipe: Any, given_histories: list[list[int]]) -> None:
    pipe.hset(keyspace.model_factors(VERSION), "0", b"\xff" * (4 * WORLD.rank * WORLD.items))
    pipe.hset(keyspace.model_factors(VERSION), "user_gramian", b"\xff" * (8 * WORLD.rank**2))
    pipe.hset(keyspace.rating_factors(VERSION), "0", b"\xff" * (4 * WORLD.rating_rank * WORLD.items))
    pipe.set(keyspace.model_items(VERSION), encode_ids([f"i{n:07d}" for n in range(WORLD.items)]))
    pipe.set(keyspace.manifest(VERSION), "x" * 14_000)


def write_signals(pipe: Any, given_histories: list[list[int]]) -> None:
    indptr = np.arange(WORLD.items + 1, dtype=np.int64) * 100
    columns = np.tile(np.arange(100, dtype=np.int32), WORLD.items)
    rows = StoredRows(indptr, columns, np.ones(len(columns), np.float16), 1.0)
    for name in ("item_to_item", "long_view", "transitions"):
        pipe.hset(keyspace.model_signals(VERSION), mapping=encode_rows(name, rows))
    for name in ("transitions.row_sums", "transitions.column_sums"):
        pipe.hset(keyspace.model_signals(VERSION), name, encode_vector(np.ones(WORLD.items)))


def write_content(pipe: Any, given_histories: list[list[int]]) -> None:
    factor = b"\xff" * (4 * WORLD.rank)
    pipe.set(keyspace.model_content(VERSION), b"\xff" * (8 * WORLD.items * (4 + 4 * WORLD.rank)))
    for n in range(WORLD.items):
        item = f"n{n:07d}"
        pipe.rpush(keyspace.new_items(VERSION), item)
        pipe.hset(keyspace.new_factors(VERSION), mapping={item: factor, keyspace.placed_field(item): factor})


WRITERS = {
    "histories": write_histories,
    "earlier events": write_earlier,
    "recent items": write_recent,
    "popularity": write_popularity,
    "trends": write_trends,
    "popular, trending and newest lists": write_rankings,
    "liked together": write_together,
    "catalogue": write_catalog,
    "fresh lists": write_fresh,
    "lists of users": write_model_lists,
    "lists of items": write_neighbours,
    "users' metadata": write_user_metadata,
    "shown items": write_shown,
    "lists of segments": write_segments,
    "factors and ids": write_factors,
    "signals": write_signals,
    "new items by content": write_content,
}
KINDS = (*memory.STATE_KINDS, *memory.VERSION_KINDS)


def test_the_memory_of_each_kind_of_key_and_the_total_are_predicted(
    redis_url: str, used_memory: Callable[[], int], histories: list[list[int]]
) -> None:
    # A plan gets totals and does not know their distribution.
    world = replace(WORLD, interactions=sum(map(len, histories)))
    predicted = {name: of(world) for name, of in KINDS}
    assert set(WRITERS) == set(predicted)
    grown = {}
    for name, write in WRITERS.items():
        before, client = used_memory(), redis.Redis.from_url(redis_url)
        with client.pipeline(transaction=False) as pipe:
            write(pipe, histories)
            pipe.execute()
        client.close()
        grown[name] = used_memory() - before
    assert sum(memory.plan_bytes(world).values()) == pytest.approx(used_memory(), rel=0.2)
    exact = (
        "histories",
        "earlier events",
        "fresh lists",
        "shown items",
        "users' metadata",
        "lists of segments",
    )
    for name in (
        *exact,
        "lists of users",
        "lists of items",
        "factors and ids",
        "signals",
        "new items by content",
    ):
        assert predicted[name] == pytest.approx(grown[name], rel=0.2), name


@examples(40)  # a plan is some ten thousand steps
@given(
    st.integers(0, 10_000),
    st.integers(1, 10_000),
    st.integers(0, 10**6),
    st.integers(1, 1000),
    st.integers(1, 64),
)
def test_longer_lists_and_a_larger_rank_and_more_versions_never_take_less_memory(
    users: int, items: int, pairs: int, n: int, shards: int
) -> None:
    world = World(users=users, items=items, interactions=pairs, n=n, shards=shards)
    for larger in (replace(world, n=n + 100), replace(world, rank=64), replace(world, versions=3)):
        assert sum(memory.plan_bytes(larger).values()) >= sum(memory.plan_bytes(world).values())
    assert all(bytes_ >= 0 for bytes_ in memory.plan_bytes(world).values())


def test_a_users_list_of_a_hundred_with_scores_takes_less_than_a_kilobyte() -> None:
    for users in (6040, 1_000_000):
        world = World(users=users, items=3706, interactions=165 * users, n=100, user_size=12)
        assert memory.model_lists(world) / users <= 1000
