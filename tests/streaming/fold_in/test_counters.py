from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import redis
from numpy.typing import NDArray

from algorithms.blending.live import live_blend
from algorithms.blending.signal_options import TrendCounts, fit_offered
from algorithms.signals.trend_counts import counted_entries
from contracts.stored import keyspace
from contracts.stored.records import decode_fresh
from ingest.simulated.news import HOUR_MS, Reads
from streaming.fold_in.counters import Counters
from streaming.fold_in.lists import fold_in_users
from streaming.fold_in.model import OnlineModel, load
from streaming.fold_in.new_items import NewItems, read_new_items
from streaming.online.touched_items import merge_touched, note_touched
from streaming.state.apply import apply_events
from tests.streaming.news_in_redis import (
    CUT_MS,
    SETTINGS,
    WEIGHTS,
    WORLD,
    apply_reads,
    event,
    histories_of,
    publish_trends,
)


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as connection:
        connection.flushall()
        yield connection


def the_model(client: redis.Redis) -> OnlineModel:
    model = load(client, "v1")
    assert model is not None
    return model


def test_counters_rank_like_a_trend_fitted_on_the_same_events(client: redis.Redis) -> None:
    reads = WORLD.reads()
    known, later = np.flatnonzero(reads.times_ms <= CUT_MS), np.flatnonzero(reads.times_ms > CUT_MS)
    publish_trends(client, reads, known, WORLD.articles)
    rng = np.random.default_rng(3)
    for part in np.array_split(rng.permutation(np.concatenate([known, later, later[:40]])), 5):
        apply_reads(client, reads, part)
    model = the_model(client)
    sums = Counters().sums(client, model, NewItems(), SETTINGS)
    assert sums is not None
    assert sums.by_half_life.keys() == {300_000.0, 3_600_000.0, 0.0}
    assert model.blend is not None
    live = live_blend(model.blend, sums, WORLD.articles, np.zeros((0, 3), np.float32))
    everything = histories_of(reads, np.arange(len(reads.users)))
    counts = TrendCounts(counted_entries(everything), is_state=True)
    moment = int(reads.times_ms.max()) + 60_000
    asked = everything.asked_at(np.full(WORLD.users, moment)).rows(0, 1)
    for fitted in fit_offered(everything, WORLD.articles, only=set(WEIGHTS), counts=counts):
        expected = fitted.signal.score(asked)
        assert live.signals[fitted.name].score(asked) == pytest.approx(expected, abs=1e-3), fitted.name


def test_lists_hold_items_that_rise_after_the_fit_including_items_new_to_the_model(
    client: redis.Redis,
) -> None:
    reads = WORLD.reads()
    known, later = np.flatnonzero(reads.times_ms <= CUT_MS), np.flatnonzero(reads.times_ms > CUT_MS)
    trained = 1 + int(reads.items[known].max()) // 2  # half of the catalogue is new
    of_model = known[reads.items[known] < trained]
    ids = publish_trends(client, reads, of_model, trained)
    apply_reads(client, reads, np.concatenate([known, later]))
    reader = int(reads.users[later[-1]])
    for _ in range(2):  # the first one gives new items their places
        Counters().sums(client, the_model(client), NewItems(), SETTINGS)
        assert fold_in_users(client, [f"u{reader}"], {}, SETTINGS) == []
    raw: Any = client.get(keyspace.fresh(f"u{reader}", SETTINGS.redis_shards))
    listed: Any = client.lrange(keyspace.new_items("v1"), 0, -1)
    names = ids + [item.decode() for item in listed]
    found = [names[place] for place in decode_fresh(raw).indexes]
    has_read = {f"a{item}" for item in reads.items[reads.users == reader].tolist()}
    assert len(found) == SETTINGS.fresh_n
    assert not set(found) & has_read
    # The world knows the truth: the list now appeals far more than the items that were popular at the fit.
    appeal = WORLD.appeal(int(reads.times_ms[later[-1]]))
    best = np.sort(np.delete(appeal, [int(each[1:]) for each in has_read]))[-10:]
    ours = np.mean([appeal[int(each[1:])] for each in found])
    snapshot = [item for item in popular_then(reads, of_model) if f"a{item}" not in has_read][:10]
    assert ours > np.mean(np.maximum(appeal[snapshot], -20)) + 1
    assert ours > best.mean() - 2.5
    assert any(int(each[1:]) >= trained for each in found)


def popular_then(reads: Reads, known: NDArray[np.int64]) -> list[int]:
    recent = known[reads.times_ms[known] > reads.times_ms[known].max() - HOUR_MS]
    order: list[int] = np.argsort(-np.bincount(reads.items[recent]), kind="stable").tolist()
    return order


def test_counters_are_read_once_in_a_while_and_include_new_items(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streaming.fold_in.counters.pause_after", lambda _: 3600.0)
    reads = WORLD.reads()
    publish_trends(client, reads, np.flatnonzero(reads.times_ms <= CUT_MS), WORLD.articles)
    model, counters = the_model(client), Counters()
    apply_events(client, [event(1, 900, CUT_MS)], SETTINGS)
    note_touched(client, ["a900"])
    merge_touched(client, SETTINGS)
    before = counters.sums(client, model, NewItems(), SETTINGS)
    assert before is not None
    assert before.by_half_life[0.0].shape == (WORLD.articles,)
    new_items = read_new_items(client, model, NewItems())
    assert new_items.index == {b"a900": 0}
    assert not new_items.factors_of(3).any()
    client.flushall()  # nothing is read again within the pause
    sums = counters.sums(client, model, new_items, SETTINGS)
    assert sums is not None
    weight = SETTINGS.event_weights["view"]
    assert sums.by_half_life[0.0][WORLD.articles] == pytest.approx(np.log2(weight))


def test_a_blend_without_a_live_trend_reads_no_counters(client: redis.Redis) -> None:
    reads = WORLD.reads()
    publish_trends(client, reads, np.flatnonzero(reads.times_ms <= CUT_MS), WORLD.articles)
    model = the_model(client)
    assert Counters().sums(client, replace(model, blend=None), NewItems(), SETTINGS) is None
    assert model.blend is not None
    before = {name: replace(each, is_live=False) for name, each in model.blend.signals.items()}  # type: ignore[type-var]
    stands = replace(model, blend=replace(model.blend, signals=before))
    assert Counters().sums(client, stands, NewItems(), SETTINGS) is None
