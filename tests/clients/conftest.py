from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import psutil
import pytest


@pytest.fixture
def closed_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.fixture
def hanging(broker: str) -> Callable[[], AbstractContextManager[None]]:
    """Inside its block the broker, started by this test run, answers nothing (SIGSTOP) and loses nothing."""
    ours = psutil.Process().children(recursive=True)
    (process,) = [child for child in ours if "kafka.Kafka" in child.cmdline()]

    @contextmanager
    def hang() -> Iterator[None]:
        process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            process.send_signal(signal.SIGCONT)

    return hang
