"""Real rounds with a lake, Spark and Redis: incremental, refused, overtaken, pruned, on request."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis
from pyspark.sql import Row, SparkSession

from contracts.settings import TrainingSettings
from contracts.stored import keyspace, lake
from contracts.stored.manifest import FigureTriple, Manifest
from contracts.stored.records import decode_ids, decode_ranked, decode_ranked_ids
from tests.manifests import a_manifest
from training.fit.factors import matrix
from training.registry import model_folder
from training.registry.publish import MemoryBudgetError, Publisher
from training.rounds.round import Round, RoundResult, train
from training.rounds.trainer import Trainer

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
GROUPS = 3


def interactions(first: int, users: int, seed: int = 1) -> list[Row]:
    """Users of a group like the items of the same group (index modulo GROUPS) and dislike the others."""
    rng, rows = np.random.default_rng(seed), []
    for user in range(users):
        for item in rng.choice(60, size=20, replace=False):
            value = 5.0 if item % GROUPS == user % GROUPS else 1.0
            n = first + len(rows)
            # Users act in turn, so that those of the newest fifth have earlier events.
            moment = START + timedelta(seconds=first + (len(rows) % 20) * users + user)
            event_id = f"{n:08x}-0000-4000-8000-000000000000"
            rows.append(
                Row(event_id, "rating", f"u{user}", f"i{item}", value, moment, 1, None, None, 0, n, moment)
            )
    return rows


class World:
    """A lake to append to, a Redis to publish to."""

    def __init__(self, spark: SparkSession, redis_url: str, folder: Path) -> None:
        self.spark = spark
        self.settings = TrainingSettings(
            redis_url=redis_url,
            redis_shards=2,
            lake_uri=str(folder / "lake"),
            models_uri=str(folder / "models"),
            top_n=15,
            als_rank=8,
            als_max_iter=3,  # an iteration takes some twenty Spark jobs, and these tastes are simple
            explicit_max_iter=2,
            keep_versions=2,
            spark_shuffle_partitions=2,
            gate_min_users=10,
            segment_min_users=2,
            ranking="als",
        )
        self.publisher = Publisher.of(self.settings)
        self.client = redis.Redis.from_url(redis_url)

    def append(self, rows: list[Row]) -> None:
        frame = self.spark.createDataFrame(rows, lake.INTERACTIONS.ddl)
        frame.write.format("delta").mode("append").save(lake.INTERACTIONS.path(self.settings.lake_uri))

    def describe(self, users: dict[str, dict[str, str]]) -> None:
        rows = [
            ("user", user, None, [], about, 1, 0, n, START) for n, (user, about) in enumerate(users.items())
        ]
        frame = self.spark.createDataFrame(rows, lake.CATALOG.ddl)
        frame.write.format("delta").mode("append").save(lake.CATALOG.path(self.settings.lake_uri))

    def round(self) -> RoundResult:
        return train(Round(self.spark, self.settings, self.publisher, lambda _: None))


@pytest.fixture
def world(spark: SparkSession, redis_url: str, tmp_path: Path) -> World:
    return World(spark, redis_url, tmp_path)


@pytest.mark.parametrize("train_memory", [0, 2**31], ids=["on executors", "in one process"])
def test_rounds_lead_from_an_empty_lake_to_incremental_retraining(world: World, train_memory: int) -> None:
    world.settings = world.settings.model_copy(update={"train_memory": train_memory})
    assert world.round() == ("not_enough_data", None)
    rows = interactions(0, users=30)
    world.append(rows[:10])
    assert world.round() == ("not_enough_data", None)
    world.append(rows[10:])
    world.describe({f"u{user}": {"occupation": str(user % GROUPS)} for user in range(30)})
    outcome, first = world.round()
    assert outcome == "published"
    assert first is not None
    check_manifest(first, users=30, interactions=600)
    check_lists(world, first.version, rows)
    check_folder(world, first)
    check_factors(world, first)
    check_rating_factors(world, first.version)
    check_segments(world, first.version)

    world.append(interactions(600, users=40, seed=2))
    _, second = world.round()
    assert second is not None
    assert second.previous == first.version
    assert (second.counts.users, second.counts.interactions) == (40, 1400)
    assert second.lake_version > first.lake_version
    assert "champion" in figures_of(second)

    _, third = world.round()
    assert third is not None
    assert [manifest.fit and manifest.fit.warm for manifest in (first, second, third)] == [False, False, True]
    assert [manifest.lists and manifest.lists.kept for manifest in (first, second)] == [0, 0]
    check_kept_lists(world, second.version, third)
    assert world.publisher.current_version() == third.version
    kept = {second.version, third.version}
    folders = {path.name for path in Path(world.settings.models_uri).iterdir()}
    assert folders == kept
    entered: Any = world.client.zrange(keyspace.MODEL_VERSIONS, 0, -1)
    assert {version.decode() for version in entered} == kept
    assert not world.client.exists(*keyspace.version_keys(first.version, 2))

    # With these settings the model learns nothing: the gate refuses it, and the served model stays.
    world.settings = world.settings.model_copy(update={"als_reg_param": 1e9})
    outcome, refused = world.round()
    assert outcome == "refused_by_gate"
    assert refused is not None
    assert refused.gate is not None
    assert not refused.gate.publish
    assert refused.fit is not None
    assert refused.fit.why == "the parameters changed"
    assert world.publisher.current_version() == third.version
    assert world.publisher.audit()[-1].action == "refuse"
    assert {path.name for path in Path(world.settings.models_uri).iterdir()} == kept


def check_kept_lists(world: World, before: str, manifest: Manifest) -> None:
    """Without new events many lists stay the same bytes; every user has one, and both versions are whole."""
    of_version: list[dict[bytes, bytes]] = [
        {k: v for shard in range(2) for k, v in world.client.hgetall(keyspace.top_n(shard, version)).items()}  # type: ignore[union-attr]
        for version in (before, manifest.version)
    ]
    old, new = of_version
    assert set(old) == set(new)
    assert manifest.lists is not None
    assert manifest.sizes is not None
    assert manifest.lists.written + manifest.lists.kept == len(new) == manifest.sizes.lists
    assert sum(old[user] == new[user] for user in new) >= manifest.lists.kept > 0


def check_rating_factors(world: World, version: str) -> None:
    """Check that the published factors are those of the folder, by index."""
    fit = model_folder.load(world.spark, world.settings.models_uri, version)
    assert fit.rating_item_factors is not None
    items = len(decode_ids(world.client.get(keyspace.model_items(version))))  # type: ignore[arg-type]
    raw: Any = world.client.hgetall(keyspace.rating_factors(version))
    published = np.frombuffer(raw[b"0"], "<f4").reshape(items, world.settings.explicit_rank)
    expected = matrix(fit.rating_item_factors, items, world.settings.explicit_rank)
    np.testing.assert_array_equal(published, expected)


def check_segments(world: World, version: str) -> None:
    ids = decode_ids(world.client.get(keyspace.model_items(version)))  # type: ignore[arg-type]
    lists: Any = world.client.hgetall(keyspace.segment_lists(version))
    assert sorted(lists) == [f"occupation={group}".encode() for group in range(GROUPS)]
    for segment, raw in lists.items():
        places, scores = decode_ranked(raw)
        assert {int(ids[place][1:]) % GROUPS for place in places} == {int(segment[-1:])}
        assert min(scores) >= 2


def figures_of(manifest: Manifest) -> dict[str, dict[str, FigureTriple]]:
    assert manifest.evaluation is not None
    assert manifest.evaluation.figures is not None
    return manifest.evaluation.figures


def check_manifest(manifest: Manifest, users: int, interactions: int) -> None:
    counts, metrics = manifest.counts, manifest.metrics
    assert (counts.users, counts.interactions, counts.ratings) == (users, interactions, interactions)
    assert counts.sparsity == round(1 - interactions / (users * counts.items), 6)
    assert (metrics["ndcg@10"] or 0) > (metrics["popularity_ndcg@10"] or 0)
    assert {"rmse", "mae", "r2", "precision@10", "recall@10"} <= set(metrics)
    assert set(manifest.timings) == {"load", "measure", "fit", "publish"}
    assert manifest.leads == "model"
    low, high = figures_of(manifest)["model"]["ndcg@10"][1:]
    assert low <= (metrics["ndcg@10"] or 0) <= high
    assert manifest.parameters.als_rank == 8


def check_lists(world: World, version: str, rows: list[Row]) -> None:
    """Check that every user has a list of unknown items, best first, mostly of the user's group."""
    raw: Any = world.client.get(keyspace.model_items(version))
    ids = decode_ids(raw)
    known: dict[str, set[str]] = {}
    for row in rows:
        known.setdefault(row[2], set()).add(row[3])
    own_group = 0
    for user, mine in known.items():
        key = keyspace.top_n(keyspace.shard_of(user, 2), version)
        found: Any = world.client.hget(key, user)
        indexes, scores = decode_ranked(found)
        items = [ids[index] for index in indexes]
        assert len(items) == len(set(items)) == 15
        assert not mine & set(items)
        assert list(scores) == sorted(scores, reverse=True)
        own_group += sum(int(item[1:]) % GROUPS == int(user[1:]) % GROUPS for item in items[:5])
    assert own_group / (5 * len(known)) > 0.9
    check_neighbours(world, version, ids, known)


def check_factors(world: World, manifest: Manifest) -> None:
    """Check that a user's list follows from the data that is published for fold-in."""
    rank, counts = manifest.parameters.als_rank, manifest.counts
    assert manifest.parameters.rating_strengths == {"0.0": -0.5, "3.0": 0.0, "4.0": 1.0, "5.0": 2.0}
    raw: Any = world.client.hgetall(keyspace.model_factors(manifest.version))
    items = np.frombuffer(raw[b"0"], "<f4").reshape(counts.items, rank)
    fit = model_folder.load(world.spark, world.settings.models_uri, manifest.version)
    users = matrix(fit.user_factors, counts.users, rank).astype(np.float64)
    found = np.frombuffer(raw[b"user_gramian"], "<f8").reshape(rank, rank)
    np.testing.assert_allclose(found, users.T @ users, rtol=1e-9)
    np.testing.assert_array_equal(items, matrix(fit.item_factors, counts.items, rank))


def check_neighbours(world: World, version: str, ids: list[str], known: dict[str, set[str]]) -> None:
    raw: Any = world.client.hget(keyspace.similar_items(version), "i0")
    similar = [ids[index] for index in decode_ranked(raw)[0]]
    assert "i0" not in similar
    assert sum(int(item[1:]) % GROUPS == 0 for item in similar[:5]) >= 4
    raw = world.client.hget(keyspace.top_users(version), "i0")
    users, _ = decode_ranked_ids(raw)
    assert not [user for user in users if "i0" in known[user]]
    assert sum(int(user[1:]) % GROUPS == 0 for user in users[:3]) >= 2


def check_folder(world: World, manifest: Manifest) -> None:
    uri, version = world.settings.models_uri, manifest.version
    assert model_folder.read_manifest(world.spark, uri, version).metrics == manifest.metrics
    fit = model_folder.load(world.spark, uri, version)
    assert fit.user_factors.count() == fit.users.count() == manifest.counts.users
    assert fit.rating_item_factors is not None
    with pytest.raises(FileNotFoundError, match="No model 'none'"):
        model_folder.load(world.spark, uri, "none")


def test_a_round_that_loses_a_race_cleans_up_and_older_data_is_refused(world: World) -> None:
    world.append(interactions(0, users=20))
    running = Round(world.spark, world.settings, world.publisher, lambda _: None)

    # During this round, another trainer publishes a version that has learnt from more events.
    def rival(phase: str) -> None:
        if phase == "publish":
            world.publisher.promote(a_manifest("rival", lake_version=99), expected=None)

    running.on_phase = rival
    outcome, manifest = train(running)
    assert outcome == "lost_race"
    assert manifest is not None
    assert world.publisher.current_version() == "rival"
    assert not world.client.exists(*keyspace.version_keys(manifest.version, 2))
    assert not (Path(world.settings.models_uri) / manifest.version).exists()
    assert world.round() == ("refused_older", None)


def test_a_version_beyond_the_memory_budget_leaves_no_keys_behind(world: World) -> None:
    world.append(interactions(0, users=20))
    world.settings = world.settings.model_copy(update={"redis_memory_budget": 1_000_000})
    with pytest.raises(MemoryBudgetError, match="the old model stays served"):
        world.round()
    assert not world.client.keys()
    assert not Path(world.settings.models_uri).exists()


def test_clicks_alone_are_enough_to_train(world: World) -> None:
    rows = [
        Row(*row[:1], "click" if row[4] > 3 else "dislike", *row[2:4], 1.0, *row[5:])
        for row in interactions(0, 20)
    ]
    world.append(rows)
    outcome, manifest = world.round()
    assert outcome == "published"
    assert manifest is not None
    assert "rmse" not in manifest.metrics
    assert (manifest.metrics["ndcg@10"] or 0) > 0


def test_the_trainer_is_notified_once_that_a_model_is_served(world: World) -> None:
    heard: list[str | None] = []
    stopping = threading.Event()
    settings = world.settings.model_copy(update={"train_every_seconds": 0.0})
    trainer = Trainer(
        world.spark, settings, world.publisher, lambda: heard.append(world.publisher.current_version())
    )
    thread = threading.Thread(target=trainer.run, args=(stopping,))
    thread.start()
    stopping.wait(2.5)
    assert heard == []  # nothing is served yet
    world.append(interactions(0, users=30))
    for _ in range(2):
        number = world.publisher.request()
        while not world.publisher.read_status().has_served(number):
            assert thread.is_alive()
            stopping.wait(0.2)
        stopping.wait(2.5)
    stopping.set()
    thread.join(60)
    assert len(heard) == 1
    assert heard[0] is not None


def test_the_trainer_serves_requests_until_it_is_stopped(world: World) -> None:
    settings = world.settings.model_copy(update={"train_every_seconds": 0.0})
    stopping = threading.Event()
    trainer = Trainer(world.spark, settings, world.publisher)
    thread = threading.Thread(target=trainer.run, args=(stopping,))
    thread.start()
    number = world.publisher.request()
    while not world.publisher.read_status().has_served(number):
        assert thread.is_alive()
        stopping.wait(0.2)
    stopping.set()
    thread.join(60)
    status = world.publisher.read_status()
    assert (status.phase, status.outcome) == ("idle", "not_enough_data")
    assert "TRAIN_MIN_EVENTS" in (status.reason or "")
