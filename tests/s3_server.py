"""A local S3 server: moto's, in a process of its own."""

from __future__ import annotations

import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stack.machine.ports import LOOPBACK, free_port
from stack.processes.process import ServiceProcess

_START_SECONDS = 60.0


@contextmanager
def running_s3(folder: Path) -> Iterator[str]:
    """The address of a server that holds nothing yet."""
    port = free_port()
    command = (sys.executable, "-m", "moto.server", "--host", LOOPBACK, "--port", str(port))
    process = ServiceProcess.start("s3", command, {}, folder / "logs", folder / "run")
    endpoint = f"http://{LOOPBACK}:{port}"
    try:
        _wait_until_it_answers(endpoint, process)
        yield endpoint
    finally:
        process.stop()


def make_bucket(endpoint: str, bucket: str) -> None:
    """Make a bucket; the server asks for no signature."""
    with urllib.request.urlopen(urllib.request.Request(f"{endpoint}/{bucket}", method="PUT")) as answer:
        assert answer.status == 200


def _wait_until_it_answers(endpoint: str, process: ServiceProcess) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"{endpoint}/moto-api/", timeout=5):
                return
        except OSError:
            process.check()
            assert time.monotonic() < deadline, process.log_tail()
            time.sleep(0.1)
