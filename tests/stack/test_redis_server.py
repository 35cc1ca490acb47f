from __future__ import annotations

from stack.redis_server import ready


def test_a_started_redis_answers_ping(redis_url: str) -> None:
    assert ready(int(redis_url.rsplit(":", 1)[1].split("/")[0]))
