"""Fixtures of the tests of streaming."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.settings import StreamingSettings
from streaming.fold_in import lists as fresh_lists
from streaming.fold_in.model import OnlineModels


@pytest.fixture(autouse=True)
def no_model_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the models that this process keeps: every test publishes another one under the same name."""
    monkeypatch.setattr(fresh_lists, "_models", OnlineModels())


@pytest.fixture
def service_settings(fresh_topics: str, redis_url: str, tmp_path: Path) -> StreamingSettings:
    """Settings of a service over empty topics, an empty Redis and the test's own folders."""
    return StreamingSettings(
        kafka_bootstrap_servers=fresh_topics,
        redis_url=redis_url,
        lake_uri=str(tmp_path / "lake"),
        checkpoints_uri=str(tmp_path / "checkpoints"),
    )
