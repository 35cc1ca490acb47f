"""Overload, and a stop under traffic: the API as a process whose Redis does not answer."""

from __future__ import annotations

import json
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from serving.routes.shedding import BUSY_ANSWER, is_plain_get
from tests.serving.conftest import OwnRedis, ServedApi, wait_for
from tests.serving.world import World

AT_ONCE = 4
GET = b"GET /v1/users/ann/recommendations HTTP/1.1\r\nHost: api\r\n\r\n"


@pytest.mark.parametrize(
    "data",
    [
        GET[:-2],
        GET + b"GET /",
        GET + GET,
        GET.replace(b"1.1", b"1.0"),
        GET.replace(b"Host", b"Content-Length: 3\r\nHost"),
        GET.replace(b"Host", b"TRANSFER-ENCODING: chunked\r\nHost"),
        GET.replace(b"Host", b"Connection: close\r\nHost"),
        GET.replace(b"GET", b"POST"),
        GET.replace(b"ann", b"a" * 10_000),
        GET.replace(b"/v1/users/ann/recommendations", b"/metrics"),
        b"",
    ],
)
def test_only_one_whole_request_without_a_body_is_answered_early(data: bytes) -> None:
    assert is_plain_get(GET)
    assert not is_plain_get(data)


def test_the_early_refusal_is_a_problem_that_says_when_to_retry() -> None:
    head, body = BUSY_ANSWER.split(b"\r\n\r\n")
    assert b"retry-after: 1" in head
    assert b"content-length: %d" % len(body) in head
    assert json.loads(body)["status"] == 503


@pytest.fixture
def busy_api(
    own_redis: OwnRedis, start_api: Callable[..., ServedApi]
) -> Iterator[tuple[ServedApi, list[httpx.Response], OwnRedis]]:
    """An API whose slots are all taken, because its Redis has stopped."""
    World().write(own_redis.url)
    api = start_api(redis_url=own_redis.url, redis_timeout_seconds=20, max_requests_at_once=AT_ONCE)
    wait_for(lambda: httpx.get(f"{api.url}/readyz").status_code == 200)
    own_redis.signal(signal.SIGSTOP)
    answers: list[httpx.Response] = []

    def ask() -> None:
        answer = httpx.get(f"{api.url}/v1/users/ann/recommendations", timeout=30)
        # The request that asks whether all slots are taken may take one itself.
        answers.append(answer) if answer.status_code == 200 else ask()

    waiting = [threading.Thread(target=ask) for _ in range(AT_ONCE)]
    for thread in waiting:
        thread.start()
    wait_for(lambda: httpx.get(f"{api.url}/openapi.json").status_code == 503)
    yield api, answers, own_redis
    own_redis.signal(signal.SIGCONT)
    for thread in waiting:
        thread.join(30)


def exchange(connection: socket.socket, data: bytes) -> bytes:
    """Read the whole answer; head and body may arrive separately."""
    connection.sendall(data)
    answer = connection.recv(65_536)
    while not answer.endswith(b"}"):
        answer += connection.recv(65_536)
    return answer


@pytest.mark.servers
def test_beyond_the_connection_limit_all_requests_except_probes_are_refused_at_once(
    busy_api: tuple[ServedApi, list[httpx.Response], OwnRedis],
) -> None:
    api, answers, redis = busy_api
    with httpx.Client(base_url=api.url, timeout=5) as client:
        for path in ("/v1/users/bob/recommendations", "/v1/popular", "/docs"):
            refused = client.get(path)
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
            assert refused.json()["detail"].startswith("Too many requests")
        assert client.post("/v1/events", json={}).status_code == 503
        assert client.get("/livez").status_code == 200
        assert 'refused_requests_total{reason="busy"} ' in client.get("/metrics").text
        host, port = api.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), 5) as connection:
            assert exchange(connection, GET) == BUSY_ANSWER
            # Bytes that look like a request within another one belong to the other's body. An answer to them
            # would go to the next client of a proxy's connection.
            connection.sendall(b"GET /livez HTTP/1.1\r\nX-Long: ")
            time.sleep(0.1)
            assert exchange(connection, GET).startswith(b"HTTP/1.1 200 ")
            assert exchange(connection, GET) == BUSY_ANSWER
        assert answers == []
        redis.signal(signal.SIGCONT)
        wait_for(lambda: len(answers) == AT_ONCE)
        wait_for(lambda: client.get("/v1/users/bob/recommendations").status_code == 200)
    assert {answer.status_code for answer in answers} == {200}


def accepts_connections(api: ServedApi) -> bool:
    try:
        httpx.get(f"{api.url}/livez")
    except httpx.TransportError:
        return False
    return True


@pytest.mark.servers
def test_a_stop_lets_requests_in_progress_finish(
    busy_api: tuple[ServedApi, list[httpx.Response], OwnRedis],
) -> None:
    api, answers, redis = busy_api
    api.process.terminate()
    wait_for(lambda: not accepts_connections(api))
    time.sleep(0.5)
    assert api.process.poll() is None
    redis.signal(signal.SIGCONT)
    assert api.process.wait(20) in (0, -signal.SIGTERM)
    wait_for(lambda: len(answers) == AT_ONCE)
    assert [answer.json()["stale"] for answer in answers] == [False] * AT_ONCE
    assert "Traceback" not in Path(api.log).read_text()


def test_slow_headers_and_bodies_are_cut_off_and_hold_no_slot(
    redis_url: str, start_api: Callable[..., ServedApi]
) -> None:
    World().write(redis_url)
    api = start_api(
        redis_url=redis_url, redis_timeout_seconds=20, max_requests_at_once=1, head_seconds=2, body_seconds=4
    )
    address = ("127.0.0.1", int(api.url.rsplit(":", 1)[1]))
    head = b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with (
        socket.create_connection(address, timeout=60) as silent,
        socket.create_connection(address, timeout=60) as slow_head,
        socket.create_connection(address, timeout=60) as slow_body,
    ):
        slow_head.sendall(b"GET /v1/popular HTTP/1.1\r\nHost: lo")
        slow_body.sendall(head + b"Content-Length: 100\r\n\r\n{")
        wait_for(lambda: httpx.get(f"{api.url}/v1/popular").status_code == 200)
        assert slow_body.recv(1000).startswith(b"HTTP/1.1 408 ")
        assert slow_head.recv(1000) == b""
        assert silent.recv(1000) == b""
    # Requests that arrive in time are all answered on one connection.
    with httpx.Client() as client:
        for _ in range(3):
            assert client.get(f"{api.url}/v1/popular").status_code == 200
            time.sleep(1)


def test_a_body_beyond_the_limit_is_answered_before_the_connection_closes(
    redis_url: str, start_api: Callable[..., ServedApi]
) -> None:
    api = start_api(redis_url=redis_url, max_body_bytes=2000)
    answer = httpx.post(f"{api.url}/v1/events", content=bytes(5_000_000), timeout=60)
    assert answer.status_code == 413
    chunks = (bytes(10_000) for _ in range(500))
    headers = {"content-type": "application/json"}
    assert httpx.post(f"{api.url}/v1/events", content=chunks, headers=headers, timeout=60).status_code == 413
