"""Starts the whole stack on this machine: sets up, removes leftovers, starts all in the fastest order."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from rich.console import Console

from clients.topic_admin import create_topics
from stack.machine import broker, redis_server
from stack.machine.errors import StackError
from stack.machine.java import Java
from stack.machine.ports import LOOPBACK, claim, reachable_host
from stack.machine.setup import ensure_set_up
from stack.processes import leftovers
from stack.processes.run_state import Folders, Ports, RunState, only_one
from stack.processes.running_stacks import note_stack
from stack.run import services
from stack.run.phases import Phases
from stack.run.services import Options
from stack.run.supervisor import Supervisor
from stack.status.api_client import answers

_SERVER_SECONDS = 90.0
_API_SECONDS = 120.0
_DEMO_MARK = "made-by-headwater-demo"


@dataclass(frozen=True)
class Run:
    """A running stack."""

    options: Options
    folders: Folders
    ports: Ports
    supervisor: Supervisor
    phases: Phases


@contextmanager
def running_stack(options: Options, console: Console) -> Iterator[Run]:
    """Start everything, and stop everything at the end, even after an error.

    Raises StackError, or StopRequested when a signal came.
    """
    phases = Phases(console)
    folders = Folders(options.data_dir.expanduser().resolve())
    with only_one(folders):
        for name in leftovers.remove(folders.run):
            phases.say(f"Stopped {name}, left over from an earlier run")
        if options.fresh:
            clear(folders)
        ports = claim_ports(options)
        phases.say(f"The page: {ports.api_url}/ (once the API has started)")
        with phases("setup", "Checking Java and jars"):
            java = ensure_set_up(console)
        state = RunState.of_this_process(ports)
        state.write(folders)
        env = services.environment(options, folders, ports, java)
        supervisor = Supervisor(folders, env, strict=options.once, say=phases.say)
        with note_stack(folders), supervisor.until_stopped():
            run = Run(options, folders, ports, supervisor, phases)
            start_all(run, java)
            replace(state, phase="running").write(folders)
            yield run


def start_all(run: Run, java: Java) -> None:
    """Start the servers, and beside them the services that take long to start and need no server yet."""
    supervisor, ports, phases = run.supervisor, run.ports, run.phases
    with phases("servers", f"Starting Kafka on {ports.bootstrap} and Redis on {ports.redis_url}"):
        supervisor.start(redis_server.redis_plan(run.folders.redis, ports.redis))
        supervisor.start(broker.broker_plan(run.folders.kafka, ports.kafka, java))
        supervisor.wait_until("Redis", lambda: redis_server.ready(ports.redis), _SERVER_SECONDS)
        supervisor.start(services.STREAMING)  # waits for the broker itself, once its JVM is up
        supervisor.start(services.SERVING)
        supervisor.wait_until("Kafka", lambda: broker.ready(ports.kafka), _SERVER_SECONDS)
        create_topics(ports.bootstrap, timeout=_SERVER_SECONDS)
        supervisor.start(services.training_plan(run.options))
    if run.options.producer:
        supervisor.start(services.ingest_plan(run.options, run.folders))
    with phases("api", f"Starting the API on {ports.api_url}"):
        supervisor.wait_until("the API", lambda: answers(f"{ports.api_url}/livez"), _API_SECONDS)
    if run.options.visitors:
        supervisor.start(services.VISITORS)


def claim_ports(options: Options) -> Ports:
    """Three ports that are free now. Raises StackError where a port that the user chose is busy."""
    fall_back = options.fall_back_to_free_ports
    return Ports(
        api=claim(options.api_port, "--api-port", fall_back),
        kafka=claim(options.kafka_port, "--kafka-port", fall_back),
        redis=claim(options.redis_port, "--redis-port", fall_back),
        api_host=reachable_host(os.environ.get("API_HOST") or LOOPBACK),
    )


def clear(folders: Folders) -> None:
    """Empty the data folder of a demo. Raises StackError where no demo made the folder."""
    ours = folders.data / _DEMO_MARK
    found = [path for path in folders.data.iterdir() if path != folders.lock]
    if found and not ours.exists():
        raise StackError(
            f"{folders.data} is not empty and no demo made it: choose another --data-dir, "
            "or `headwater up`, which keeps the data that is there"
        )
    for path in found:
        if path == ours:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    ours.touch()
