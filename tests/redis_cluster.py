"""A real Redis Cluster on loopback: three servers that share the slots, joined by Redis' own commands."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import redis

from stack.machine.ports import LOOPBACK, free_port, is_free
from stack.machine.redis_server import redis_plan
from stack.processes.process import ServiceProcess

SERVERS = 3
_SLOTS = 16_384
_BUS = 10_000  # a server's bus listens this much above its port
_START_SECONDS = 60.0


class Cluster(NamedTuple):
    """The address for a client, and the servers' ports."""

    url: str
    ports: tuple[int, ...]

    def server(self, place: int) -> Any:
        """A plain client of one server."""
        return redis.Redis(host=LOOPBACK, port=self.ports[place])

    def flush(self) -> None:
        """Empty all servers."""
        for place in range(len(self.ports)):
            with self.server(place) as client:
                client.flushall()


@contextmanager
def running_cluster(folder: Path) -> Iterator[Cluster]:
    """Three servers that agree which server has which slots."""
    ports = tuple(_port_with_bus() for _ in range(SERVERS))
    started = [_start(folder / str(port), port) for port in ports]
    cluster = Cluster("redis+cluster://" + ",".join(f"{LOOPBACK}:{port}" for port in ports), ports)
    try:
        _share_slots(cluster)
        yield cluster
    finally:
        for process in started:
            process.stop()


def _port_with_bus() -> int:
    while True:
        port = free_port()
        if port + _BUS <= 65_535 and is_free(port + _BUS):
            return port


def _start(folder: Path, port: int) -> ServiceProcess:
    plan = redis_plan(folder / "data", port)
    options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "15000", "--appendonly", "no")
    command = (*plan.command, *options)
    return ServiceProcess.start(f"redis-{port}", command, dict(os.environ), folder / "logs", folder / "run")


def _share_slots(cluster: Cluster) -> None:
    clients = [cluster.server(place) for place in range(SERVERS)]
    for place, client in enumerate(clients):
        _wait(client.ping)
        client.execute_command("CLUSTER SET-CONFIG-EPOCH", place + 1)
        slots = range(place * _SLOTS // SERVERS, (place + 1) * _SLOTS // SERVERS)
        client.execute_command("CLUSTER ADDSLOTS", *slots)
    for client in clients:
        for port in cluster.ports:
            client.execute_command("CLUSTER MEET", LOOPBACK, port)
    for client in clients:
        _wait(partial(_is_whole, client))
        client.close()


def _is_whole(client: Any) -> bool:
    info = client.execute_command("CLUSTER INFO")
    return info["cluster_state"] == "ok" and int(info["cluster_known_nodes"]) == SERVERS


def _wait(is_ready: Callable[[], object]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            if is_ready():
                return
        except redis.ConnectionError:
            pass
        assert time.monotonic() < deadline, "the Redis Cluster has not come up"
        time.sleep(0.05)
