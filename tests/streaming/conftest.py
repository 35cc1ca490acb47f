"""What the tests of streaming share."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.settings import StreamingSettings
from streaming.fold_in import lists as fresh_lists
from streaming.fold_in.model import OnlineModels


@pytest.fixture(autouse=True)
def no_model_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process keeps the model of a version; here every test publishes another one under the same name."""
    monkeypatch.setattr(fresh_lists, "_models", OnlineModels())


@pytest.fixture
def service_settings(fresh_topics: str, redis_url: str, tmp_path: Path) -> StreamingSettings:
    """Of a service over empty topics, an empty Redis and folders of the test's own."""
    return StreamingSettings(
        kafka_bootstrap_servers=fresh_topics,
        redis_url=redis_url,
        lake_uri=str(tmp_path / "lake"),
        checkpoints_uri=str(tmp_path / "checkpoints"),
    )
