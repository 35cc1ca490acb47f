"""The Spark session of the streaming service."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlparse

from pyspark.sql import SparkSession

from clients.spark_session import spark_session
from contracts.settings import StreamingSettings

_CONF = {
    # Queries share the cores, each in its pool; a large lake batch must not hold up the online one.
    "spark.scheduler.mode": "FAIR",
    "spark.scheduler.allocation.file": Path(__file__).with_name("pools.xml").as_uri(),
    # Plans of small batches are known beforehand; adapting them costs more than it gains.
    "spark.sql.adaptive.enabled": "false",
    # How often an idle query looks for records: Spark's 10 ms take a third of a core from a small machine.
    "spark.sql.streaming.pollingDelay": "50ms",
    # Spark's default INT96 is a legacy of Hive's; half as many bytes again, and no statistics.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    # Dictionaries of what hardly repeats are built only to be thrown away.
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
_LOCAL_CHECKPOINTS = {
    "spark.sql.streaming.checkpointFileManagerClass": (
        "org.apache.spark.sql.execution.streaming.checkpointing.FileSystemBasedCheckpointFileManager"
    )
}


def streaming_session(settings: StreamingSettings) -> SparkSession:
    """A session by settings, configured for small batches side by side."""
    conf = streaming_conf(settings)
    return spark_session("headwater-streaming", settings.model_copy(update={"spark_conf": conf}))


def streaming_conf(settings: StreamingSettings) -> dict[str, str]:
    """Spark's configuration; SPARK_CONF has the last word."""
    is_local = urlparse(settings.checkpoints_uri).scheme in ("", "file")
    return _CONF | (_LOCAL_CHECKPOINTS if is_local else {}) | settings.spark_conf
