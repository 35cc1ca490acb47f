"""Lake, checkpoints and models in a real S3 server: queries, a restart, rounds, and what commands read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from clients.storage.s3_options import for_spark
from clients.stored_files import StoredFiles
from contracts import topics
from contracts.settings import S3Settings, StreamingSettings, TrainingSettings
from stack.users.lake_rows import rows_of_user
from stack.verify.ledgers import read_lake
from streaming.lake.maintenance import compact
from streaming.lake.writer import LakeWriter, ReplacedWriterError
from streaming.recovery.faults import checkpoint_faults
from streaming.state.keys import mark_written
from tests.integration.flow import Flow, send
from tests.s3_server import make_bucket, running_s3
from training.registry import model_folder
from training.registry.publish import Publisher
from training.registry.registry import Registry
from training.rounds.round import Round, train

BUCKET = "headwater-tests"
KEYS = {"s3_path_style": "true", "s3_access_key_id": "key", "s3_secret_access_key": "secret"}
START_MS = 1_700_000_000_000


@pytest.fixture
def s3(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The server's address; Spark and the environment name it."""
    with running_s3(tmp_path) as endpoint:
        make_bucket(endpoint, BUCKET)
        for name, value in {**KEYS, "s3_endpoint": endpoint}.items():
            monkeypatch.setenv(name.upper(), value)
        configuration = spark._jsc.hadoopConfiguration()
        for name, value in for_spark(S3Settings()).items():
            configuration.set(name.removeprefix("spark.hadoop."), value)
        # As in production where checkpoints are not on a local disk (streaming/runtime/session.py).
        name = "spark.sql.streaming.checkpointFileManagerClass"
        before = spark.conf.get(name)
        spark.conf.set(name, f"{before.rpartition('.')[0]}.FileContextBasedCheckpointFileManager")
        yield endpoint
        spark.conf.set(name, before)


@pytest.fixture
def flow(s3: str, spark: SparkSession, fresh_topics: str, redis_url: str) -> Iterator[Flow]:
    settings = StreamingSettings(
        kafka_bootstrap_servers=fresh_topics,
        redis_url=redis_url,
        lake_uri=f"s3a://{BUCKET}/lake",
        checkpoints_uri=f"s3a://{BUCKET}/checkpoints",
        lake_trigger_seconds=0.5,
        activity_trigger_seconds=3600,
    )
    running = Flow(spark, settings)
    mark_written(running.client)
    yield running
    running.stop()


def rating(n: int) -> tuple[bytes, bytes]:
    user, item = n % 30, n // 30
    event = {
        "event_id": f"{n:08x}-0000-4000-8000-000000000000",
        "event_type": "rating",
        "user_id": f"u{user}",
        "item_id": f"i{(item * 7 + user) % 60}",
        "value": 5.0 if (item * 7 + user) % 3 == user % 3 else 1.0,
        "event_time": START_MS + n,
    }
    return str(user).encode(), json.dumps(event).encode()


def test_events_reach_a_lake_in_s3_and_a_model_in_s3_learns_them(flow: Flow) -> None:
    spark, settings = flow.spark, flow.settings
    bootstrap = settings.kafka_bootstrap_servers
    send(bootstrap, topics.INTERACTIONS.name, [rating(n) for n in range(300)])
    flow.start()
    flow.wait_for(300)
    flow.stop()
    send(bootstrap, topics.INTERACTIONS.name, [rating(n) for n in range(300, 600)])
    assert checkpoint_faults(spark, settings, ids={}) == []
    flow.start()  # from the checkpoints in S3
    flow.wait_for(600)
    flow.stop()
    rows = read_lake(settings.lake_uri)
    assert len(set(zip(rows["partition"].to_pylist(), rows["offset"].to_pylist(), strict=True))) == 600
    assert rows.num_rows == 600
    assert len(rows_of_user(settings.lake_uri, "u7")["interactions"]) == 20
    compact(spark, f"{settings.lake_uri}/interactions", 168)
    assert read_lake(settings.lake_uri).num_rows == 600
    check_one_writer(spark, settings)
    check_rounds(flow)


def check_one_writer(spark: SparkSession, settings: StreamingSettings) -> None:
    first, second = (LakeWriter(StoredFiles(spark), settings.lake_uri) for _ in range(2))
    first.take_over()
    first.check()
    second.take_over()
    with pytest.raises(ReplacedWriterError):
        first.check()
    with pytest.raises(OSError, match="exists"):
        StoredFiles(spark).write(f"{settings.lake_uri}/_streaming.json", "{}")


def check_rounds(flow: Flow) -> None:
    """A model is published and read again; a folder without manifest is none; old versions are deleted."""
    spark = flow.spark
    settings = TrainingSettings(
        redis_url=flow.settings.redis_url,
        lake_uri=flow.settings.lake_uri,
        models_uri=f"s3a://{BUCKET}/models",
        als_rank=4,
        als_max_iter=2,
        explicit_max_iter=2,
        gate_min_users=10,
        ranking="als",
    )
    outcome, first = train(Round(spark, settings, Publisher.of(settings), lambda _: None))
    assert outcome == "published"
    assert first is not None
    files = StoredFiles(spark)
    model_folder.check(spark, settings.models_uri, first.version, first)
    assert model_folder.read_manifest(spark, settings.models_uri, first.version).metrics == first.metrics
    # A round that is killed between two files leaves a folder without its last one.
    files.delete(f"{settings.models_uri}/{first.version}/manifest.json")
    with pytest.raises(FileNotFoundError):
        model_folder.read_manifest(spark, settings.models_uri, first.version)
    model_folder.write_manifest(spark, settings.models_uri, first)
    outcome, second = train(Round(spark, settings, Publisher.of(settings), lambda _: None))
    assert second is not None
    deleted = Registry.of(settings).prune(1, lambda v: model_folder.delete(spark, settings.models_uri, v))
    assert deleted == [first.version]
    assert files.folders(settings.models_uri) == [second.version]
