"""The commands and the environment of the services' processes."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from contracts.settings import KafkaSettings
from stack.machine.class_data import usable_archive
from stack.machine.jars import jars_dir
from stack.machine.java import Java
from stack.machine.ports import LOOPBACK
from stack.machine.start_plan import Plan
from stack.processes.run_state import Folders, Ports

BUILT_IN_SOURCE = "synthetic"
LIVE_RATE = 5.0  # events a second of the built-in source, after the replay
ONCE_LAKE_TRIGGER_SECONDS = 2.0


# A run's broker has neither TLS nor SASL, even where the environment has settings for a broker that does.
_PLAIN_KAFKA = {
    name.upper(): ""
    for name in KafkaSettings.model_fields
    if name.startswith(("kafka_sec", "kafka_ssl", "kafka_sasl", "kafka_oauth"))
}


@dataclass(frozen=True)
class Options:
    """What the user chose for a run."""

    data_dir: Path
    api_port: int = 8000
    kafka_port: int = 9092
    redis_port: int = 6379
    fall_back_to_free_ports: bool = False
    ratings: str | None = None  # None: the built-in source
    reading: tuple[str, ...] = ()  # how the source is read, as words of `ingest`
    producer: bool = True
    rate: float | None = None  # events a second; None: as fast as possible
    train_every: float = 300.0  # seconds
    visitors: bool = False  # users of the built-in source ask the API, in an experiment
    once: bool = False
    fresh: bool = False  # a demo begins with an empty folder


def addresses(folders: Folders, ports: Ports) -> dict[str, str]:
    """The environment variables that name the servers, the folders and the jars of a run."""
    return {
        "KAFKA_BOOTSTRAP_SERVERS": ports.bootstrap,
        "REDIS_URL": ports.redis_url,
        "API_URL": ports.api_url,
        "LAKE_URI": str(folders.lake),
        "MODELS_URI": str(folders.models),
        "CHECKPOINTS_URI": str(folders.checkpoints),
        "SPARK_JARS_DIR": str(jars_dir("spark")),
        "EXPOSURE_COUNTS_DIR": str(folders.data / "exposure-counts"),
        "REFUSED_ROWS_FILE": str(folders.data / "refused-rows.jsonl"),
    }


def environment(options: Options, folders: Folders, ports: Ports, java: Java) -> dict[str, str]:
    """The environment of every service of this run: this process's, with the run's addresses and folders."""
    ours = {
        **_PLAIN_KAFKA,
        **addresses(folders, ports),
        "JAVA_HOME": str(java.home),
        "SPARK_CLASS_DATA": str(usable_archive(java) or ""),
        "SPARK_LOCAL_DIRS": str(folders.scratch),
        "API_HOST": os.environ.get("API_HOST") or LOOPBACK,
        "API_PORT": str(ports.api),
        "TRAIN_EVERY_SECONDS": "0" if options.once else f"{options.train_every:g}",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONUNBUFFERED": "1",
    }
    if options.once:
        ours["LAKE_TRIGGER_SECONDS"] = f"{ONCE_LAKE_TRIGGER_SECONDS:g}"
        ours["TRAIN_MIN_EVENTS"] = "1"  # a source with few events is trained on, too
    return {**os.environ, **ours}


STREAMING = Plan("streaming", (sys.executable, "-m", "streaming"))
SERVING = Plan("serving", (sys.executable, "-m", "serving"))


# A module's name, not an import: this room may not import the room of the demo.
VISITORS = Plan("visitors", (sys.executable, "-m", "stack.demo.visitors"))


def training_plan(options: Options) -> Plan:
    """The trainer, on half the cores; on all of them in a `--once` run, where the user waits for it."""
    half = {"SPARK_MASTER": f"local[{max(1, (os.cpu_count() or 1) // 2)}]"}
    return Plan("training", (sys.executable, "-m", "training"), {} if options.once else half)


def ingest_plan(options: Options, folders: Folders) -> Plan:
    """The producer: it replays the source; live traffic follows the built-in one, except with --once."""
    words = [sys.executable, "-m", "stack", "ingest", options.ratings or BUILT_IN_SOURCE]
    words += ["--progress-file", str(folders.progress)]
    # A restart on the same data continues, and does not replay the source a second time.
    words += ["--replayed-file", str(folders.data / "replayed")]
    if options.ratings is None and not options.once:
        # The rate holds for the live traffic; the history is sent as fast as possible.
        words += ["--endless", "--rate", f"{options.rate or LIVE_RATE:g}"]
    elif options.rate:
        words += ["--rate", f"{options.rate:g}"]
    # `up` and `demo` have checked the source and asked the user already.
    words += [*options.reading, "--yes", "--most-refused", "1"]
    return Plan("ingest", tuple(words), ends=True)
