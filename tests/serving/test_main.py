"""The API as a process, while its Redis hangs, dies and comes back."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from serving.__main__ import GRACE_SECONDS
from tests.faults.slow_proxy import SlowProxy
from tests.serving.conftest import OwnRedis, ServedApi, wait_for
from tests.serving.world import World

pytestmark = pytest.mark.servers
# Longer than the default of 80 ms, so that a busy machine's hiccup is not taken for a wait on Redis.
DEADLINE_SECONDS = 1.0
HICCUP_SECONDS = 3.0
SLOW_DEADLINE_SECONDS = 0.5
PATHS = ("/v1/users/ann/recommendations", "/v1/popular", "/v1/items/i00/similar")


def stale_answers(client: httpx.Client) -> list[float]:
    """Check that every list answers, stale and with popular items; the seconds of each."""
    seconds = []
    for path in PATHS * 10:
        started = time.perf_counter()
        response = client.get(path)
        seconds.append(time.perf_counter() - started)
        assert response.status_code == 200
        answer: dict[str, Any] = response.json()
        assert answer["stale"] is True
        assert len(answer["items"]) == 10
        assert {item["source"] for item in answer["items"]} == {"popular"}
        assert answer["items"][-1]["title"]
    return sorted(seconds)


def fresh(client: httpx.Client) -> bool:
    answers = [client.get(path).json() for path in PATHS]
    return all(answer["stale"] is False and answer["model_version"] == "v1" for answer in answers)


def test_the_api_answers_while_redis_hangs_or_is_dead(
    own_redis: OwnRedis, start_api: Callable[..., ServedApi]
) -> None:
    World().write(own_redis.url)
    api = start_api(redis_url=own_redis.url, redis_timeout_seconds=DEADLINE_SECONDS)
    with httpx.Client(base_url=api.url) as client:
        wait_for(lambda: client.get("/readyz").status_code == 200 and fresh(client))

        own_redis.signal(signal.SIGSTOP)
        hung = stale_answers(client)
        # Without a deadline, answers would wait for as long as Redis hangs.
        assert hung[int(len(hung) * 0.9)] < DEADLINE_SECONDS + HICCUP_SECONDS, hung
        # Without the breaker, each would wait for the whole deadline.
        assert hung[len(hung) // 2] < DEADLINE_SECONDS / 2, hung
        assert client.get("/readyz").json()["status"] == "stale"

        own_redis.signal(signal.SIGCONT)
        wait_for(lambda: fresh(client))

        own_redis.process.kill()
        own_redis.process.wait()
        dead = stale_answers(client)
        assert dead[int(len(dead) * 0.9)] < DEADLINE_SECONDS + HICCUP_SECONDS, dead
        assert dead[len(dead) // 2] < DEADLINE_SECONDS / 2, dead

        own_redis.start()
        wait_for(lambda: fresh(client))
        assert client.get("/v1/users/bob/history").json()["items"][0]["item_id"] == "i05"
    assert "Traceback" not in api.log.read_text()


def test_slow_reads_never_give_one_user_the_list_of_another(
    own_redis: OwnRedis, start_api: Callable[..., ServedApi]
) -> None:
    world = World(histories={}, top={f"u{i}": [(f"i{i:02}", 0.5)] for i in range(30)})
    world.write(own_redis.url)
    api = start_api(redis_url=own_redis.url, redis_timeout_seconds=DEADLINE_SECONDS)
    with httpx.Client(base_url=api.url) as client:

        def first_item(user: int) -> str | None:
            """The item of a fresh answer, None for a stale one."""
            answer = client.get(f"/v1/users/u{user}/recommendations", params={"n": 1}).json()
            return None if answer["stale"] else answer["items"][0]["item_id"]

        for _ in range(5):
            wait_for(lambda: first_item(0) is not None)
            own_redis.signal(signal.SIGSTOP)
            # Redis has their commands already when the API gives up, and answers them later.
            assert [first_item(user) for user in range(4)] == [None] * 4
            own_redis.signal(signal.SIGCONT)
            wait_for(lambda: first_item(0) is not None)
            assert {user: first_item(user) for user in range(30)} == {
                user: f"i{user:02}" for user in range(30)
            }


def test_a_slow_redis_only_makes_answers_stale_and_no_user_gets_the_list_of_another(
    own_redis: OwnRedis, start_api: Callable[..., ServedApi]
) -> None:
    world = World(histories={}, top={f"u{i}": [(f"i{i:02}", 0.5)] for i in range(30)})
    world.write(own_redis.url)
    proxy = SlowProxy(own_redis.port)
    try:
        url = f"redis://127.0.0.1:{proxy.port}/0"
        api = start_api(redis_url=url, redis_timeout_seconds=SLOW_DEADLINE_SECONDS)
        with httpx.Client(base_url=api.url, timeout=30) as client, ThreadPoolExecutor(8) as threads:

            def first_item(user: int) -> tuple[bool, str, float]:
                started = time.perf_counter()
                answer = client.get(f"/v1/users/u{user}/recommendations", params={"n": 1}).json()
                return answer["stale"], answer["items"][0]["item_id"], time.perf_counter() - started

            def ask_all() -> list[tuple[bool, str, float]]:
                found = list(threads.map(first_item, range(30)))
                for user, (stale, item, _) in enumerate(found):
                    assert stale or item == f"i{user:02}"
                return found

            def failures() -> int:
                text = client.get("/metrics").text
                lines = (
                    line for line in text.splitlines() if line.startswith("headwater_api_redis_errors_t")
                )
                return sum(int(float(line.rsplit(" ", 1)[1])) for line in lines)

            wait_for(lambda: not first_item(0)[0])
            proxy.seconds = SLOW_DEADLINE_SECONDS / 10  # 50 ms each way: within the deadline
            wait_for(lambda: not any(stale for stale, _, _ in ask_all()))

            before = failures()
            proxy.seconds = SLOW_DEADLINE_SECONDS  # 500 ms each way: never in time
            wait_for(lambda: first_item(0)[0])
            answers = [answer for _ in range(10) for answer in ask_all()]
            assert all(stale for stale, _, _ in answers)
            seconds = sorted(each for _, _, each in answers)
            assert seconds[int(0.99 * len(seconds))] < SLOW_DEADLINE_SECONDS + HICCUP_SECONDS
            # The breaker is open, so most answers do not try. (The background tasks try now and then.)
            assert failures() - before < len(answers) / 2

            proxy.seconds = 0.0
            wait_for(lambda: not any(stale for stale, _, _ in ask_all()))
    finally:
        proxy.stop()


def test_the_api_starts_without_redis_and_ends_on_sigterm(start_api: Callable[..., ServedApi]) -> None:
    api = start_api(redis_url="redis://127.0.0.1:1/0")
    assert httpx.get(f"{api.url}/v1/popular").json()["items"] == []
    assert httpx.get(f"{api.url}/readyz").status_code == 503
    started = time.monotonic()
    api.process.terminate()
    assert api.process.wait(60) in (0, -signal.SIGTERM)
    assert time.monotonic() - started < GRACE_SECONDS + 20  # it does not wait for a Redis that never comes


@pytest.mark.parametrize("workers", [1, 2])
def test_the_api_leaves_no_files_behind(
    start_api: Callable[..., ServedApi], tmp_path: Path, workers: int
) -> None:
    (scratch := tmp_path / "scratch").mkdir()
    api = start_api(redis_url="redis://127.0.0.1:1/0", tmpdir=scratch, api_workers=workers)
    assert httpx.get(f"{api.url}/metrics").status_code == 200
    api.process.terminate()
    api.process.wait(20)
    assert list(scratch.iterdir()) == []


def test_a_body_of_100_mb_is_refused_early_and_takes_little_memory(
    start_api: Callable[..., ServedApi],
) -> None:
    api = start_api(redis_url="redis://127.0.0.1:1/0")

    def megabytes() -> Iterator[bytes]:
        for _ in range(100):
            yield bytes(1_000_000)

    with httpx.Client(base_url=api.url, timeout=30) as client:
        for length in ({"Content-Length": "100000000"}, {}):
            headers = {"Content-Type": "application/json", **length}
            response = client.post("/v1/events", content=megabytes(), headers=headers)
            assert response.status_code == 413
            assert response.headers["content-type"] == "application/problem+json"
    peak = next(
        line for line in Path(f"/proc/{api.process.pid}/status").read_text().splitlines() if "VmHWM" in line
    )
    assert int(peak.split()[1]) < 150_000, peak  # kB
