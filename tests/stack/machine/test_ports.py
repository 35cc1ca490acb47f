from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from stack.machine.errors import StackError
from stack.machine.ports import LOOPBACK, claim, free_port, is_free, ports_outside, reachable_host


def test_port_0_gives_a_free_port() -> None:
    assert is_free(claim(0, "--api-port"))


def test_a_busy_port_is_one_sentence_that_names_the_option() -> None:
    with socket.create_server((LOOPBACK, 0)) as busy:
        port = busy.getsockname()[1]
        with pytest.raises(StackError) as caught:
            claim(port, "--kafka-port")
        assert str(port) in str(caught.value)
        assert "--kafka-port" in str(caught.value)
        assert "\n" not in str(caught.value)
        assert claim(port, "--kafka-port", fall_back=True) != port


def test_a_requested_free_port_is_used() -> None:
    port = free_port()
    assert claim(port, "--api-port") == port


@contextmanager
def asking(expression: str) -> Iterator[subprocess.Popen[str]]:
    """A process that prints ports as Python would, and holds them until it is killed."""
    code = f"from stack.machine.ports import *; print({expression}, flush=True); input()"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def ports_of(process: subprocess.Popen[str]) -> list[int]:
    assert process.stdout is not None
    return [int(word) for word in process.stdout.readline().split()]


def test_processes_that_ask_at_the_same_time_never_get_the_same_port() -> None:
    each = 80
    with ExitStack() as stack:
        processes = [stack.enter_context(asking(f"*(free_port() for _ in range({each}))")) for _ in range(8)]
        ports = [port for process in processes for port in ports_of(process)]
    assert len(ports) == 8 * each
    assert len(set(ports)) == len(ports)


def test_two_demos_that_start_at_the_same_time_do_not_share_the_usual_port() -> None:
    with asking("free_port()") as gone:
        (usual,) = ports_of(gone)
    words = f"claim({usual}, '--api-port', fall_back=True)"
    with asking(words) as one, asking(words) as other:
        found = [*ports_of(one), *ports_of(other)]
    assert usual in found
    assert len(set(found)) == 2


def test_a_server_may_listen_on_the_port_that_another_process_found() -> None:
    with asking("free_port()") as finder:
        (port,) = ports_of(finder)
        assert is_free(port)
        with socket.create_server((LOOPBACK, port)) as server:
            assert server.getsockname()[1] == port


def test_a_port_that_its_finder_requests_is_used() -> None:
    with asking("free_port()") as finder:
        (port,) = ports_of(finder)
        assert claim(port, "--api-port") == port


def test_a_found_port_is_outside_the_range_that_the_kernel_gives_away() -> None:
    port = free_port()
    with ExitStack() as stack:
        given = [stack.enter_context(socket.create_server((LOOPBACK, 0))).getsockname()[1] for _ in range(50)]
    assert port not in range(min(given), max(given) + 1)


@pytest.mark.parametrize(
    ("ephemeral", "found"),
    [
        ((32_768, 60_999), range(20_000, 32_768)),
        ((49_152, 65_535), range(20_000, 49_152)),
        ((1024, 40_000), range(40_001, 65_536)),
        ((1024, 65_535), range(20_000, 65_536)),
        ((10_000, 15_000), range(20_000, 65_536)),
    ],
)
def test_the_range_that_is_searched_depends_on_the_range_of_the_kernel(
    ephemeral: tuple[int, int], found: range
) -> None:
    assert ports_outside(ephemeral) == found


def test_a_server_on_all_addresses_is_reached_over_loopback() -> None:
    hosts = ("127.0.0.1", "0.0.0.0", "192.0.2.7", "::", "2001:db8::7")
    assert [reachable_host(host) for host in hosts] == [
        "127.0.0.1",
        "127.0.0.1",
        "192.0.2.7",
        "[::1]",
        "[2001:db8::7]",
    ]
