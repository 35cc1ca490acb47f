"""Starts a stack for a benchmark, with a served model and all events applied."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PORTS = ("--api-port", "0", "--kafka-port", "0", "--redis-port", "0")
_POLL_SECONDS = 0.5
_LONGEST_SECONDS = 300.0


def headwater(*words: str) -> str:
    """Run a `headwater` command; its output. Raises CalledProcessError where it fails."""
    command = [sys.executable, "-m", "stack", *words]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


@contextmanager
def served_stack(folder: Path) -> Iterator[dict[str, Any]]:
    """Run `headwater up` with the built-in source's history; gives its status, and stops it at the end."""
    headwater("up", "--no-producer", "--detach", *PORTS, "--data-dir", str(folder))
    try:
        headwater("--data-dir", str(folder), "ingest", "synthetic")
        yield wait_until_served(folder)
    finally:
        headwater("down", "--data-dir", str(folder))


def wait_until_served(folder: Path, *, with_model: bool = True) -> dict[str, Any]:
    """The status once a model is served and all events are applied. Raises TimeoutError."""
    deadline = time.monotonic() + _LONGEST_SECONDS
    while time.monotonic() < deadline:
        status: dict[str, Any] = json.loads(headwater("status", "--json", "--data-dir", str(folder)))
        if (status["model"] or not with_model) and status["lag_lake"] == status["lag_online"] == 0:
            return status
        time.sleep(_POLL_SECONDS)
    raise TimeoutError(f"no model was served within {_LONGEST_SECONDS:g} s: see {folder / 'logs'}")
