from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psutil
import pytest

from stack.machine.ports import free_port


@pytest.fixture
def closed_port() -> int:
    """A port on which nothing listens, and which nobody else gets meanwhile."""
    return free_port()


@pytest.fixture
def hanging(broker: str) -> Callable[[], AbstractContextManager[None]]:
    """Inside its block the broker, started by this test run, answers nothing (SIGSTOP) and loses nothing."""
    ours = psutil.Process().children(recursive=True)
    # Of the children of other tests some may be zombies, without a command.
    (process,) = [
        child for child in ours if "kafka.Kafka" in child.as_dict(["cmdline"], ad_value=[])["cmdline"]
    ]

    @contextmanager
    def hang() -> Iterator[None]:
        process.send_signal(signal.SIGSTOP)
        try:
            while not _stands_still(process.pid):  # a thread that waits for a core is not stopped yet
                time.sleep(0.01)
            yield
        finally:
            process.send_signal(signal.SIGCONT)

    return hang


def _stands_still(pid: int) -> bool:
    stats = (task.read_text() for task in Path(f"/proc/{pid}/task").glob("*/stat"))
    return all(stat.rsplit(") ", 1)[1].startswith("T") for stat in stats)
