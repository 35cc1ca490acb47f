"""The state after a publication, over a real Redis and a folder."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis
from pyspark.sql import SparkSession

from contracts.settings import TrainingSettings
from contracts.stored import keyspace
from tests.manifests import a_manifest
from training.registry.publish import Publisher
from training.rounds.publication import Publication


class World:
    def __init__(self, spark: SparkSession, url: str, models: Path) -> None:
        self.spark, self.models = spark, models
        self.settings = TrainingSettings(redis_url=url, models_uri=str(models), keep_versions=1)
        self.publisher = Publisher.of(self.settings)

    def begin(self, version: str) -> Publication:
        return Publication(self.spark, self.settings, self.publisher, version)

    def write_something(self, version: str) -> None:
        self.publisher.write_items(version, ["a"])
        (self.models / version).mkdir()
        (self.models / version / "part").write_text("x")

    def is_there(self, version: str) -> bool:
        with redis.Redis.from_url(self.publisher.url) as client:
            in_redis = bool(client.exists(*keyspace.version_keys(version, 1)))
        assert in_redis == (self.models / version).exists() == (version in self.publisher.versions())
        return in_redis


@pytest.fixture
def world(spark: SparkSession, redis_url: str, tmp_path: Path) -> World:
    return World(spark, redis_url, tmp_path)


def test_a_publication_keeps_its_version_and_deletes_those_it_replaces(world: World) -> None:
    for version, before in (("v1", None), ("v2", "v1")):
        with world.begin(version) as publication:
            world.write_something(version)
            assert publication.publish(a_manifest(version, previous=before), before) == "published"
    assert world.publisher.current_version() == "v2"
    assert (world.is_there("v1"), world.is_there("v2")) == (False, True)


def end_by(world: World, error: BaseException) -> None:
    """Write a part of a publication, then end it by an error."""
    with world.begin("v1"):
        world.write_something("v1")
        assert world.is_there("v1")
        raise error


def test_a_failed_publication_leaves_no_keys(world: World) -> None:
    with pytest.raises(OSError, match="disk"):
        end_by(world, OSError("the disk is full"))
    assert not world.is_there("v1")


def test_a_publication_that_loses_the_race_leaves_no_keys(world: World) -> None:
    with world.begin("v1") as publication:
        world.write_something("v1")
        world.publisher.promote(a_manifest("rival"), None)
        assert publication.publish(a_manifest("v1"), None) == "lost_race"
    assert not world.is_there("v1")
    assert world.publisher.current_version() == "rival"


def test_the_next_round_removes_the_version_of_an_interrupted_process(world: World) -> None:
    with pytest.raises(KeyboardInterrupt):
        end_by(world, KeyboardInterrupt())
    assert world.is_there("v1")
