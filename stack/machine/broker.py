"""A real Kafka broker (KRaft, one node) on loopback, with its data in a folder."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path

from contracts.topics import MAX_EVENT_BYTES
from stack.machine.errors import StackError
from stack.machine.jars import jars_dir
from stack.machine.java import Java
from stack.machine.ports import LOOPBACK, free_port
from stack.machine.start_plan import Plan

HEAP = "512m"
_LOG_CONFIG = Path(__file__).with_name("broker-log4j2.properties")
_API_VERSIONS = 18
_FORMAT_SECONDS = 60


def server_properties(folder: Path, port: int, controller_port: int) -> dict[str, str]:
    """The broker's settings; every replication factor is 1, because there is one node."""
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{LOOPBACK}:{controller_port}",
        "listeners": f"PLAINTEXT://{LOOPBACK}:{port},CONTROLLER://{LOOPBACK}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{port}",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": str(folder / "log"),
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        # Rejected events carry the original and its headers, so they may be larger than an event.
        "message.max.bytes": str(2 * MAX_EVENT_BYTES),
        "replica.fetch.max.bytes": str(2 * MAX_EVENT_BYTES),
        "num.network.threads": "2",
        "num.io.threads": "4",
        "log.segment.bytes": str(64 * 1024 * 1024),
    }


def broker_plan(folder: Path, port: int, java: Java) -> Plan:
    """Format the folder once, and give the broker's command. Raises StackError where formatting fails."""
    folder.mkdir(parents=True, exist_ok=True)
    properties = folder / "server.properties"
    lines = server_properties(folder, port, free_port())
    properties.write_text("".join(f"{key}={value}\n" for key, value in lines.items()))
    if not (folder / "log" / "meta.properties").exists():
        _format(folder, properties, java)
    command = [*_java(java, folder, HEAP), "kafka.Kafka", str(properties)]
    return Plan("broker", tuple(command))


def ready(port: int, timeout: float = 2.0) -> bool:
    """Whether the broker answers a request of Kafka's protocol (ApiVersions, version 0)."""
    request = struct.pack(">hhih", _API_VERSIONS, 0, 7, -1)
    try:
        with socket.create_connection((LOOPBACK, port), timeout) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            answer = connection.recv(10)
    except OSError:
        return False
    return len(answer) == 10 and struct.unpack(">iih", answer)[1:] == (7, 0)


def _format(folder: Path, properties: Path, java: Java) -> None:
    cluster_id = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    # An id that starts with a dash would be read as an option.
    command = [*_java(java, folder, "128m"), "kafka.tools.StorageTool", "format"]
    command += [f"--cluster-id={cluster_id}", "-c", str(properties)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_FORMAT_SECONDS, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise StackError(
            f"The broker's folder {folder} could not be formatted: {said[-1] if said else 'no reason'}"
        )


def _java(java: Java, folder: Path, heap: str) -> list[str]:
    return [
        str(java.executable),
        f"-Xmx{heap}",
        "-XX:+UseSerialGC",
        "-XX:-UsePerfData",  # otherwise the JVM samples figures for jstat 20 times a second
        f"-Dlog4j2.configurationFile={_LOG_CONFIG}",
        f"-Dkafka.logs.dir={folder}",
        "-cp",
        str(jars_dir("kafka")) + os.sep + "*",
    ]
