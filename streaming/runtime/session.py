"""The Spark session of the streaming service."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlparse

from pyspark.sql import SparkSession

from clients.spark_session import local_cores, spark_session, start_jvm
from contracts.settings import StreamingSettings

_NAME = "headwater-streaming"
_CONF = {
    # Queries share the cores, each in its own pool, so that a large lake batch does not delay the online
    # query.
    "spark.scheduler.mode": "FAIR",
    "spark.scheduler.allocation.file": Path(__file__).with_name("pools.xml").as_uri(),
    # Plans of small batches are known beforehand; adapting them costs more than it gains.
    "spark.sql.adaptive.enabled": "false",
    # How often an idle query looks for records; Spark's default of 10 ms costs a third of a core on a small
    # machine.
    "spark.sql.streaming.pollingDelay": "50ms",
    # Spark's default, INT96, is a legacy of Hive: half as many bytes again, and no statistics.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    # For columns whose values hardly repeat, a dictionary is built and then thrown away.
    **{
        f"spark.hadoop.parquet.enable.dictionary#{column}": "false"
        for column in ("event_id", "event_time", "kafka_offset")
    },
    "spark.sql.streaming.stateStore.providerClass": (
        "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"
    ),
}
# On a local disk both managers rename atomically, but Spark's default one starts two processes a file
# (`chmod`, where Hadoop's native library is missing): 54 ms against 12 ms, and a batch writes two files.
LOCAL_CHECKPOINTS = {
    "spark.sql.streaming.checkpointFileManagerClass": (
        "org.apache.spark.sql.execution.streaming.checkpointing.FileSystemBasedCheckpointFileManager"
    )
}


def streaming_session(settings: StreamingSettings, partitions: int) -> SparkSession:
    """A session by settings, configured for small batches beside one live task per Kafka partition."""
    return spark_session(_NAME, _with_conf(settings, with_slots(settings.spark_master, partitions)))


def start_jvm_beside(settings: StreamingSettings) -> None:
    """Start the JVM of `streaming_session` in a thread; that one raises what goes wrong.

    The process waits for the thread even where it ends at once, because the thread deletes a file with
    secrets.
    """

    def start() -> None:
        with suppress(Exception):
            start_jvm(_NAME, _with_conf(settings, settings.spark_master))

    threading.Thread(target=start, name="jvm").start()


def _with_conf(settings: StreamingSettings, master: str) -> StreamingSettings:
    return settings.model_copy(update={"spark_conf": streaming_conf(settings), "spark_master": master})


def with_slots(master: str, partitions: int) -> str:
    """A local master with one more slot for each partition, because a live task mostly waits for records."""
    cores = local_cores(master)
    return master if cores is None else f"local[{cores + partitions}]"


def task_slots(spark: SparkSession) -> int:
    """How many tasks Spark runs at a time."""
    context = spark.sparkContext._jsc.sc()
    return int(context.maxNumConcurrentTasks(context.resourceProfileManager().defaultResourceProfile()))


def streaming_conf(settings: StreamingSettings) -> dict[str, str]:
    """Spark's configuration; SPARK_CONF has the last word."""
    is_local = urlparse(settings.checkpoints_uri).scheme in ("", "file")
    return _CONF | (LOCAL_CHECKPOINTS if is_local else {}) | settings.spark_conf
