"""Rounds on bad input: each ends with a model or a clear sentence."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import Row, SparkSession

from contracts.settings import TrainingSettings
from contracts.stored import keyspace, lake
from contracts.stored.records import decode_ids, decode_ranked
from training.registry import model_folder
from training.registry.outcome import TrainingError
from training.registry.publish import Publisher
from training.rounds.round import Round, RoundResult, train
from training.rounds.trainer import Trainer
from training.runtime.failures import explain

START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def rating(n: int, user: str, item: str, value: float) -> Row:
    moment = START + timedelta(minutes=n)
    event_id = f"{n:08x}-0000-4000-8000-000000000000"
    return Row(event_id, "rating", user, item, value, moment, 1, None, None, 0, n, moment)


@contextmanager
def full_disk(spark: SparkSession) -> Iterator[Callable[[bool], None]]:
    """Give a function: called with True, it keeps Spark's JVM from writing files, as a full disk does."""
    assert spark._jvm is not None
    pid = int(spark._jvm.java.lang.ProcessHandle.current().pid())
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)

    def fill(now: bool) -> None:
        if now:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))

    try:
        yield fill
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))


class World:
    """A trainer over a lake whose rows nobody has checked."""

    def __init__(self, spark: SparkSession, redis_url: str, folder: Path) -> None:
        self.spark = spark
        self.settings = TrainingSettings(
            redis_url=redis_url,
            lake_uri=str(folder / "lake"),
            models_uri=str(folder / "models"),
            top_n=5,
            als_rank=4,
            als_max_iter=2,
            explicit_max_iter=2,
            train_min_events=1,
            spark_shuffle_partitions=1,
        )
        self.publisher = Publisher.of(self.settings)

    def append(self, rows: list[Row]) -> None:
        frame = self.spark.createDataFrame(rows, lake.INTERACTIONS.ddl)
        frame.write.format("delta").mode("append").save(lake.INTERACTIONS.path(self.settings.lake_uri))

    def round(self) -> RoundResult:
        return Trainer(self.spark, self.settings, self.publisher).train_once()

    def lists(self, version: str) -> dict[str, list[str]]:
        client: Any = self.publisher._client
        ids = decode_ids(client.get(keyspace.model_items(version)))
        raw = client.hgetall(keyspace.top_n(0, version))
        return {user.decode(): [ids[i] for i in decode_ranked(its)[0]] for user, its in raw.items()}


@pytest.fixture
def world(spark: SparkSession, redis_url: str, tmp_path: Path) -> World:
    return World(spark, redis_url, tmp_path)


def one_rating() -> list[Row]:
    return [rating(1, "a", "x", 5.0)]


def ids_like_numbers_and_not() -> list[Row]:
    """Ids that look like numbers, and other odd ones; all ratings are equal."""
    users = ["1", "01", "1.0", "NaN", "null", "é 日本", "-0", "a/b:c{d}"]
    items = ["2", "02", "2e0", "None", "🎬", "x y"]
    pairs = [(u, items[(k + n) % 6]) for k, u in enumerate(users) for n in range(4)]
    return [rating(n, user, item, 5.0) for n, (user, item) in enumerate(pairs)]


def duplicates_and_contradictions() -> list[Row]:
    """Each pair many times and with every value, one of them twice; a user with every item; a NaN."""
    rows = [rating(n, f"u{n % 4}", f"i{n % 3}", 0.5 + (n % 10) / 2) for n in range(60)]
    rows += [rating(200 + n, "all", f"i{n}", 5.0) for n in range(3)]
    return [*rows, *rows[:20], rating(300, "u0", "i1", float("nan"))]


@pytest.mark.parametrize("rows", [one_rating, duplicates_and_contradictions])
def test_odd_events_still_give_a_model(world: World, rows: Callable[[], list[Row]]) -> None:
    given = rows()
    world.append(given)
    outcome, manifest = world.round()
    assert outcome == "published"
    assert manifest is not None
    assert manifest.counts.users == len({row[2] for row in given})
    known: dict[str, set[str]] = {}
    for row in given:
        known.setdefault(row[2], set()).add(row[3])
    for user, items in world.lists(manifest.version).items():
        assert items
        assert not known[user] & set(items)
    assert "all" not in world.lists(manifest.version)


def test_without_likes_the_round_publishes_no_model(world: World) -> None:
    world.append([rating(n, f"u{n % 3}", f"i{n}", 1.0) for n in range(9)])
    assert world.round() == ("not_enough_data", None)


def test_vacuumed_files_and_a_full_disk_and_a_flipped_byte_leave_the_old_model_served(world: World) -> None:
    world.append(ids_like_numbers_and_not())
    _, first = world.round()
    assert first is not None
    assert set(world.lists(first.version)) == {row[2] for row in ids_like_numbers_and_not()}
    # A byte of the champion's factors changes: the round does not start from it, and fits a new model.
    folder = Path(world.settings.models_uri) / first.version
    part = next((folder / "item_factors").glob("*.parquet"))
    raw = bytearray(part.read_bytes())
    raw[len(raw) // 2] ^= 1
    part.write_bytes(bytes(raw))
    with pytest.raises(TrainingError, match="damaged"):
        model_folder.check(world.spark, world.settings.models_uri, first.version, first)
    outcome, second = world.round()
    assert outcome == "published"
    assert second is not None
    assert second.fit is not None
    assert second.fit.warm is False
    # The disk is full when the model is saved: no partial files stay, and the next round succeeds.
    with full_disk(world.spark) as fill, pytest.raises(Exception, match="File too large") as failure:
        train(Round(world.spark, world.settings, world.publisher, lambda phase: fill(phase == "fit")))
    told = str(explain(failure.value))
    assert told.startswith("The disk is full")
    assert "old model stays served" in told
    folders = {path.name for path in Path(world.settings.models_uri).iterdir()}
    assert folders == {first.version, second.version} == set(world.publisher.versions())
    assert world.publisher.current_version() == second.version
    # The models' folder cannot be written.
    world.settings = world.settings.model_copy(update={"models_uri": str(part / "no folder")})
    with pytest.raises(TrainingError, match="cannot be written to"):
        world.round()
    assert world.publisher.read_status().outcome == "failed"
    # The lake's files are deleted.
    for data in Path(lake.INTERACTIONS.path(world.settings.lake_uri)).glob("*.parquet"):
        data.unlink()
    with pytest.raises(TrainingError, match="gone, vacuumed or deleted"):
        world.round()
    assert world.publisher.current_version() == second.version
    assert world.publisher.versions() == [first.version, second.version]
