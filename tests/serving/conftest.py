"""The API in this process, over a real Redis."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from contracts.settings import ServingSettings
from serving.app import create_app
from serving.redis.store import Store
from serving.telemetry.metrics import Metrics
from stack.machine import redis_server
from stack.machine.ports import free_port

Client = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
NOBODY = "127.0.0.1:1"


def settings_of(**changes: object) -> ServingSettings:
    """Settings of an app in this process; by default no server listens at their addresses."""
    defaults: dict[str, object] = {
        "redis_url": f"redis://{NOBODY}/0",
        "kafka_bootstrap_servers": NOBODY,
        "kafka_timeout_seconds": 0.1 if changes.get("kafka_bootstrap_servers", NOBODY) == NOBODY else 1.0,
        "popular_refresh_seconds": 0.05,
        "exposures": False,  # so that the API of each test starts no process to send them
        # The machine that runs the tests may be busy; the fault tests use the default.
        "redis_timeout_seconds": 1.0,
    }
    return ServingSettings.model_validate(defaults | changes)


def through_store(url: str, read: Callable[[Store], Awaitable[Any]], **settings: object) -> Any:
    """The result of ``read`` over a store."""

    async def scenario() -> Any:
        store = Store(settings_of(redis_url=url, **settings), 1.0, Metrics())
        try:
            return await read(store)
        finally:
            await store.close()

    return asyncio.run(scenario())


@asynccontextmanager
async def _client(
    redis_url: str = f"redis://{NOBODY}/0", **changes: object
) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings_of(redis_url=redis_url, **changes))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            yield client


@pytest.fixture
def api() -> Client:
    """Run the app, and give a client: ``async with api(redis_url) as client``."""
    return _client


class ServedApi(NamedTuple):
    """A running API process."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def wait_until_alive(self) -> None:
        ends = time.monotonic() + 60
        with httpx.Client() as client:  # one for all attempts, because a new one reads all certificates
            while True:
                assert self.process.poll() is None, self.log.read_text()
                try:
                    if client.get(f"{self.url}/livez").status_code == 200:
                        return
                except httpx.TransportError:
                    assert time.monotonic() < ends, self.log.read_text()
                    time.sleep(0.05)


@contextmanager
def serve(log: Path, **environment: object) -> Iterator[ServedApi]:
    """Run ``python -m serving`` with settings, as a user would."""
    port = free_port()
    defaults = {"KAFKA_BOOTSTRAP_SERVERS": NOBODY, "EXPOSURES": "false"}
    settings = {name.upper(): str(value) for name, value in environment.items()}
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "serving"],
            env={**os.environ, **defaults, **settings, "API_PORT": str(port)},
            stdout=output,
            stderr=output,
        )
    api = ServedApi(f"http://127.0.0.1:{port}", process, log)
    try:
        api.wait_until_alive()
        yield api
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def start_api(tmp_path: Path) -> Iterator[Callable[..., ServedApi]]:
    """Starts an API process with settings; it stops after the test."""
    with ExitStack() as stack:
        yield lambda **environment: stack.enter_context(serve(tmp_path / "api.log", **environment))


class OwnRedis:
    """A Redis that a test may stop and kill."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._command = redis_server.redis_plan(folder, self.port).command
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        wait_for(lambda: redis_server.ready(self.port))

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[OwnRedis]:
    server = OwnRedis(tmp_path / "redis")
    yield server
    server.process.kill()
    server.process.wait()


def wait_for(true: Callable[[], bool], seconds: float = 60.0) -> None:
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends, "it did not come true in time"
        time.sleep(0.05)


async def until(read: Callable[[], Awaitable[object]], expected: object, seconds: float = 60.0) -> None:
    """Wait until an awaitable gives the expected value."""
    ends = time.monotonic() + seconds
    while (value := await read()) != expected:
        assert time.monotonic() < ends, value
        await asyncio.sleep(0.05)
