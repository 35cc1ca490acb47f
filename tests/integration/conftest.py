from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from contracts.settings import StreamingSettings
from streaming.state.keys import mark_written
from tests.integration.flow import Flow


@pytest.fixture
def flow(spark: SparkSession, fresh_topics: str, redis_url: str, tmp_path: Path) -> Iterator[Flow]:
    settings = StreamingSettings(
        kafka_bootstrap_servers=fresh_topics,
        redis_url=redis_url,
        redis_shards=2,
        lake_uri=str(tmp_path / "lake"),
        checkpoints_uri=str(tmp_path / "checkpoints"),
        lake_trigger_seconds=0.5,
        activity_trigger_seconds=5,
    )
    running = Flow(spark, settings)
    mark_written(running.client)
    yield running
    running.stop()
