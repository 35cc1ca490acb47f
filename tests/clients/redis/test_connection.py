"""Real servers: a Redis with a password and an ACL behind TLS, and one that a Sentinel watches."""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import redis

from clients.redis.connection import redis_client, redis_pool
from contracts.settings import RedisSettings
from serving.redis.store import Store
from serving.telemetry.metrics import Metrics
from stack.machine.ports import LOOPBACK, free_port
from stack.machine.redis_server import find_redis
from stack.status.redis_state import redis_state
from streaming.state.client import connect
from tests.secure_listeners import SecureListeners, new_listeners
from training.registry.publish import connect as connect_publisher

USER, PASSWORD = "shop", "p@ss/w:rd"
QUOTED = "p%40ss%2Fw%3Ard"

pytestmark = pytest.mark.servers


def start_server(words: list[str], port: int, folder: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([str(find_redis()), *words], cwd=folder, stdout=subprocess.DEVNULL)
    while True:
        assert process.poll() is None
        with suppress(OSError), socket.create_connection((LOOPBACK, port), 1):
            return process
        time.sleep(0.02)


@pytest.fixture
def redis_port(tmp_path: Path) -> Iterator[int]:
    """The port of a Redis that asks for a name and a password."""
    port = free_port()
    (tmp_path / "redis.conf").write_text(
        f'port {port}\nbind {LOOPBACK}\nsave ""\nuser default off\nuser {USER} on >{PASSWORD} ~* &* +@all\n'
    )
    process = start_server(["redis.conf"], port, tmp_path)
    yield port
    process.terminate()
    process.wait()


@pytest.fixture
def certificate(tmp_path: Path) -> SecureListeners:
    return new_listeners(tmp_path)


@pytest.fixture
def tls_port(redis_port: int, certificate: SecureListeners) -> Iterator[int]:
    """A port where TLS ends, with the Redis behind it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate, certificate.key)
    listening = socket.create_server((LOOPBACK, 0))
    ends: list[socket.socket] = []

    def pass_on(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def accept() -> None:
        with suppress(OSError):
            while True:
                plain, _ = listening.accept()
                with suppress(OSError):
                    here = context.wrap_socket(plain, server_side=True)
                    there = socket.create_connection((LOOPBACK, redis_port))
                    ends.extend((here, there))
                    for pair in ((here, there), (there, here)):
                        threading.Thread(target=pass_on, args=pair, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield listening.getsockname()[1]
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    for end in ends:
        end.close()


async def answer_of_the_api(url: str) -> object:
    settings = RedisSettings.model_validate({"redis_url": url})
    store = Store(settings, timeout_seconds=5, metrics=Metrics())
    try:
        (value,) = await store.ask(("GET", "key"))
        return value
    finally:
        await store.close()


def every_part_reads(url: str) -> None:
    """Streaming, training, the API and the commands."""
    for client in (connect(url), connect_publisher(url)):
        client.set("key", "value")
        assert client.get("key") == b"value"
        client.close()
    with redis_state(url) as state:
        assert not state.state_version()
    assert asyncio.run(answer_of_the_api(url)) == b"value"


def test_every_part_connects_with_a_name_and_a_password(redis_port: int) -> None:
    every_part_reads(f"redis://{USER}:{QUOTED}@{LOOPBACK}:{redis_port}/0")
    with (
        redis_client(f"redis://{USER}:wrong@{LOOPBACK}:{redis_port}/0") as client,
        pytest.raises(redis.AuthenticationError),
    ):
        client.get("key")


def test_every_part_speaks_tls_to_a_server_whose_certificate_it_trusts(
    tls_port: int, certificate: SecureListeners
) -> None:
    address = f"rediss://{USER}:{QUOTED}@{LOOPBACK}:{tls_port}/0"
    every_part_reads(f"{address}?ssl_ca_certs={certificate.certificate}")
    with (
        redis_client(address, retry=None) as client,
        pytest.raises(redis.ConnectionError, match="certificate verify failed"),
    ):
        client.get("key")


@pytest.fixture
def sentinel(redis_port: int, tmp_path: Path) -> Iterator[int]:
    """The port of a Sentinel that watches the Redis as `main`."""
    port = free_port()
    (tmp_path / "sentinel.conf").write_text(
        f"port {port}\nbind {LOOPBACK}\nsentinel monitor main {LOOPBACK} {redis_port} 1\n"
        f"sentinel auth-user main {USER}\nsentinel auth-pass main {PASSWORD}\n"
    )
    process = start_server(["sentinel.conf", "--sentinel"], port, tmp_path)
    yield port
    process.terminate()
    process.wait()


def test_every_part_finds_the_server_that_sentinel_names(sentinel: int, closed_port: int) -> None:
    # The first of the two Sentinels does not answer.
    sentinels = f"{LOOPBACK}:{closed_port},{LOOPBACK}:{sentinel}"
    every_part_reads(f"redis+sentinel://{USER}:{QUOTED}@{sentinels}/main/0")


def test_a_service_that_sentinel_does_not_know_is_an_error(sentinel: int) -> None:
    with (
        redis_client(f"redis+sentinel://{LOOPBACK}:{sentinel}/other", retry=None) as client,
        pytest.raises(redis.ConnectionError, match="other"),
    ):
        client.ping()


def test_a_pool_behind_sentinel_waits_for_a_free_connection(sentinel: int) -> None:
    async def take_two() -> None:
        url = f"redis+sentinel://{USER}:{QUOTED}@{LOOPBACK}:{sentinel}/main"
        pool = redis_pool(url, max_connections=1, timeout=0.05)
        await pool.get_connection()
        with pytest.raises(redis.ConnectionError, match="No connection available"):
            await pool.get_connection()
        await pool.disconnect()

    asyncio.run(take_two())
