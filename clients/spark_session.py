"""The Spark session of a service: local jars, Delta, quiet logs, the workers on our own Python."""

from __future__ import annotations

import os
import re
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pyspark import SparkContext
from pyspark.sql import SparkSession

from clients.kafka_options import HIDDEN_OPTIONS
from clients.storage.s3_options import for_spark
from contracts.settings import SparkSettings
from contracts.topics import PREFIX, PREFIX_VARIABLE

# Spark walks deep lineages and long plans by recursion, so ALS and streams need a large stack.
# The code that Spark generates for validation is too large for the JVM's default compiler limit, and slow
# without. Performance data for jstat is off, because sampling it costs time even when nothing happens.
# Spark's classes take 150 MB. By default the JVM runs full collections at 21, 35, 60 and 100 MB of them.
_JVM_OPTIONS = "-Xss8m -XX:-DontCompileHugeMethods -XX:-UsePerfData -XX:MetaspaceSize=256m"
_STARTING = threading.Lock()  # held by the thread that starts the JVM


def spark_session(name: str, settings: SparkSettings, driver_options: str = "") -> SparkSession:
    """Open a session with these settings; SPARK_MASTER decides where it runs. ``driver_options`` are for its
    JVM.

    Raises FileNotFoundError when the connector's jars are not in SPARK_JARS_DIR.
    """
    start_jvm(name, settings, driver_options)
    builder = SparkSession.builder.appName(name).master(settings.spark_master)
    for key, value in session_conf(settings, driver_options).items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def start_jvm(name: str, settings: SparkSettings, driver_options: str = "") -> None:
    """Start this process's JVM, unless it runs; waits where another thread is starting it.

    `spark_session` does it too. A service that has other things to do first calls it in a thread before.
    """
    with _STARTING:
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1" if _is_local(settings.spark_master) else "")
        if not os.environ["SPARK_LOCAL_IP"]:
            del os.environ["SPARK_LOCAL_IP"]
        if SparkContext._gateway is None:
            conf = session_conf(settings, driver_options)
            conf = {"spark.app.name": name, "spark.master": settings.spark_master, **conf}
            _launch(conf, ":".join(_needed_jars(settings)))


def _launch(conf: Mapping[str, str], classpath: str) -> None:
    """Launch the JVM with its configuration in a file that is deleted afterwards.

    PySpark passes the configuration on a command line, which every user of the machine can read, and
    SPARK_CONF may hold the key of a bucket.
    """
    # only its owner can read it
    with tempfile.NamedTemporaryFile("w", suffix=".conf", encoding="utf-8") as file:
        file.write(as_properties(conf))
        file.flush()
        arguments = f"--properties-file {file.name} --load-spark-defaults"
        with (
            _variable("PYSPARK_SUBMIT_ARGS", lambda before: f"{arguments} {before or 'pyspark-shell'}"),
            # Spark puts these jars behind its own. A class-data archive could not hold the classes of jars
            # that are added later (spark.jars).
            _variable("SPARK_DIST_CLASSPATH", lambda before: ":".join(filter(None, (classpath, before)))),
        ):
            SparkContext._ensure_initialized()


def session_conf(settings: SparkSettings, driver_options: str = "") -> dict[str, str]:
    """The configuration by Spark's keys. Those in SPARK_CONF (JSON) override all others."""
    jars = ",".join(_needed_jars(settings))
    conf = {
        # For executors elsewhere. The driver has them from its start, see `_launch`.
        **({} if _is_local(settings.spark_master) else {"spark.jars": jars}),
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": str(settings.spark_shuffle_partitions),
        "spark.default.parallelism": str(settings.spark_shuffle_partitions),
        "spark.driver.memory": settings.spark_driver_memory,
        "spark.python.daemon.module": "clients.worker_daemon",
        # Python workers inherit it: Spark already keeps every core busy.
        "spark.executorEnv.OPENBLAS_NUM_THREADS": "1",
        f"spark.executorEnv.{PREFIX_VARIABLE}": PREFIX,
        # A source's options hold passwords.
        "spark.redaction.regex": HIDDEN_OPTIONS,
        "spark.sql.redaction.options.regex": HIDDEN_OPTIONS,
        # With Spark's 10 s, the first heartbeat of a slow start comes before there is a block manager: a
        # NullPointerException in the log. An executor counts as lost after 120 s without one.
        "spark.executor.heartbeatInterval": "30s",
        # Off: it records for notebooks where each column was made, with five calls into the JVM a column.
        "spark.python.sql.dataFrameDebugging.enabled": "false",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        # Delta reads its log in few tasks: the default of 50 is mere overhead on small tables.
        "spark.databricks.delta.snapshotPartitions": "2",
        # Vacuum lists a table's files in this number of tasks; Spark's default of 10,000 takes minutes.
        "spark.sql.sources.parallelPartitionDiscovery.parallelism": "8",
        "spark.driver.extraJavaOptions": " ".join(
            filter(None, (_JVM_OPTIONS, driver_options, class_data_options(settings.spark_class_data)))
        ),
        "spark.executor.extraJavaOptions": _JVM_OPTIONS,
        **(for_spark(settings) if settings.uses_s3 else {}),
    }
    return conf | settings.spark_conf


def class_data_options(archive: str) -> str:
    """JVM options that use a class-data archive, without messages if it does not fit the JVM."""
    if not archive or not Path(archive).is_file():
        return ""
    return f"-XX:SharedArchiveFile={archive} -Xlog:cds=off -Xlog:cds+dynamic=off"


def local_cores(master: str) -> int | None:
    """How many tasks run at a time in the driver's own JVM; None where tasks run elsewhere."""
    found = re.fullmatch(r"local(?:\[(\*|\d+)\])?", master)
    if found is None:
        return None
    return (os.cpu_count() or 1) if found[1] == "*" else int(found[1] or 1)


def _is_local(master: str) -> bool:
    """Whether tasks run in the driver's own JVM."""
    return master == "local" or master.startswith("local[")


def _needed_jars(settings: SparkSettings) -> list[str]:
    """Raises FileNotFoundError, naming the cure, when there are none."""
    jars = connector_jars(settings.spark_jars_dir)
    if settings.uses_s3:
        jars += connector_jars(settings.spark_s3_jars_dir, "SPARK_S3_JARS_DIR")
    return jars


def connector_jars(folder: str, setting: str = "SPARK_JARS_DIR") -> list[str]:
    """The paths of the jars that Spark needs in addition: Delta and the Kafka source, or those for S3.

    Raises FileNotFoundError, naming the cure, when there are none.
    """
    jars = sorted(str(jar.resolve()) for jar in Path(folder).glob("*.jar"))
    if not jars:
        raise FileNotFoundError(f"No Spark jars in {folder!r}: run `headwater setup`, or set {setting}")
    return jars


def as_properties(conf: Mapping[str, str]) -> str:
    """The text of a Java properties file; keys and values may hold any character."""
    return "".join(f"{_escape(key)}={_escape(value)}\n" for key, value in conf.items())


def _escape(text: str) -> str:
    named = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\f": "\\f"}
    return "".join(named.get(each, f"\\{each}" if each in " \\:=#!" else each) for each in text)


@contextmanager
def _variable(name: str, change: Callable[[str], str]) -> Iterator[None]:
    """While the block runs, an environment variable has the value that ``change`` makes of its own."""
    before = os.environ.get(name)
    os.environ[name] = change(before or "")
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
