"""The service's process, as far as it comes without a broker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

import streaming.__main__ as service
from contracts.exit_codes import NEEDS_OPERATOR


@pytest.fixture
def evicting_url(redis_url: str) -> Iterator[str]:
    with redis.Redis.from_url(redis_url) as client:
        client.config_set("maxmemory-policy", "volatile-ttl")
        yield redis_url
        client.config_set("maxmemory-policy", "noeviction")


def test_a_redis_that_may_evict_is_refused_with_the_cure(
    evicting_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("REDIS_URL", evicting_url)
    monkeypatch.setattr(service, "log_json_lines", lambda: None)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    assert service.main() == NEEDS_OPERATOR
    assert (
        "not started: Redis deletes keys when its memory is full (maxmemory-policy volatile-ttl)"
        in caplog.text
    )
