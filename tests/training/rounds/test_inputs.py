"""The inputs of a round, over a real Redis; the lake is empty."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
import redis
from pyspark.sql import SparkSession

from contracts.settings import TrainingSettings
from contracts.stored import keyspace
from contracts.stored.manifest import FORMAT
from tests.manifests import a_manifest
from training.registry.outcome import TrainingError
from training.registry.publish import Publisher
from training.rounds.inputs import read_inputs


@pytest.fixture
def settings(redis_url: str, tmp_path: Path) -> TrainingSettings:
    return TrainingSettings(redis_url=redis_url, lake_uri=str(tmp_path / "lake"), models_uri=str(tmp_path))


def serve(url: str, manifest: str) -> None:
    with redis.Redis.from_url(url) as client:
        client.set(keyspace.CURRENT_MODEL, "v1")
        client.set(keyspace.manifest("v1"), manifest)


def test_without_a_lake_there_is_nothing_to_train_on(spark: SparkSession, settings: TrainingSettings) -> None:
    assert read_inputs(spark, settings, Publisher.of(settings)) == "not_enough_data"


def test_a_damaged_manifest_counts_as_no_champion(
    spark: SparkSession, settings: TrainingSettings, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    serve(redis_url, "{}")
    with caplog.at_level(logging.WARNING):
        assert read_inputs(spark, settings, Publisher.of(settings)) == "not_enough_data"
    assert "The manifest of v1 is damaged" in caplog.text


def test_a_model_of_a_newer_headwater_is_not_replaced(
    spark: SparkSession, settings: TrainingSettings, redis_url: str
) -> None:
    serve(redis_url, json.dumps(a_manifest("v1").to_dict() | {"format": FORMAT + 1}))
    with pytest.raises(TrainingError, match="update this one"):
        read_inputs(spark, settings, Publisher.of(settings))
