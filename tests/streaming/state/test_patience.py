from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from contracts.stored.statuses import StreamingStatus
from stack.machine.ports import free_port
from streaming.lake.progress import beat
from streaming.state.patience import AWAY, DISK, FULL, Patience, redis_trouble
from streaming.state.status import report, write_status
from tests.streaming.settings_of import settings_at


@pytest.fixture
def full(redis_url: str) -> Iterator[redis.Redis]:
    """A Redis that refuses writes."""
    with redis.Redis.from_url(redis_url) as client:
        client.config_set("maxmemory", 1)
        yield client
        client.config_set("maxmemory", 0)


def test_the_wait_for_a_full_redis_is_logged_once_at_its_beginning_and_at_its_end(
    full: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "headwater.online")
    pauses: list[float] = []
    patience = Patience(pauses.append)
    script = full.register_script("return redis.call('SET', KEYS[1], 'x')")
    for write in (lambda: write_status(full, StreamingStatus(heartbeat=1)), lambda: script(keys=["a"])):
        with pytest.raises(redis.RedisError) as raised:
            write()
        assert patience.wait(raised.value)
        # Spark's message about a failed task has this form.
        assert redis_trouble(f"PythonException: Traceback\nredis.exceptions.Some: {raised.value}") == FULL
    patience.is_over()
    patience.is_over()
    assert [record.getMessage() for record in caplog.records] == [FULL, "Redis takes writes again"]
    assert len(pauses) == 2


def test_streaming_waits_for_an_unreachable_redis_but_not_after_other_errors() -> None:
    patience = Patience(lambda _: None)
    assert patience.wait(redis.ConnectionError("refused"))
    assert redis_trouble("... redis.exceptions.TimeoutError: Timeout reading from socket") == AWAY
    file = "MISCONF Errors writing to the AOF file: No space left on device"
    assert redis_trouble(redis.ResponseError(file)) == DISK
    assert redis_trouble(f"Error running script (call to f_1): @user_script: 7: -{file}") == DISK
    for other in (
        ValueError("no number"),
        redis.ResponseError("WRONGTYPE"),
        "java.lang.OutOfMemoryError: heap",
    ):
        assert not patience.wait(other)


def test_errors_of_figures_never_delay_the_lake(full: redis.Redis, redis_url: str) -> None:
    report(redis_url, StreamingStatus(lake_batch=1))
    beat(settings_at(redis_url))
    report(f"redis://127.0.0.1:{free_port()}/0", StreamingStatus(lake_batch=1))
