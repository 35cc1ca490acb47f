"""A streaming service over its own Redis, and a producer that remembers what was acknowledged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.processes import Service
from tests.faults.producer import Producer
from tests.small_plans import SMALL_PLANS


@pytest.fixture
def service(fresh_topics: str, tmp_path: Path) -> Iterator[Service]:
    running = Service(fresh_topics, tmp_path)
    running.env["SPARK_CONF"] = json.dumps(SMALL_PLANS)
    running.start_redis()
    yield running
    running.stop()


@pytest.fixture
def producer(fresh_topics: str, tmp_path: Path) -> Iterator[Producer]:
    sending = Producer(fresh_topics, 20261124, tmp_path)
    yield sending
    sending.close()
