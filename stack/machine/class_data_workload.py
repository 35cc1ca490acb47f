"""Runs Spark on a few rows, so that its JVM loads the classes that our services load at their start.

A process of its own, which runs while other packages are still being installed: it imports Spark's only.
The JVM writes the archive named by its options as it exits.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from glob import glob
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pyspark
from py4j.protocol import Py4JError
from pyspark import SparkContext
from pyspark.sql import DataFrame, SparkSession

_RATING = "user INT, item INT, rating FLOAT"
# Packages of Spark's Kafka source, its Kafka client, and what hands rows to Python.
_LOADED = (
    "org/apache/spark/sql/kafka010/",
    "org/apache/kafka/clients/",
    "org/apache/kafka/common/",
    "org/apache/arrow/memory/",
    "org/apache/arrow/vector/",
    "org/apache/spark/sql/execution/arrow/",
    "org/apache/spark/sql/execution/python/",
    "org/apache/spark/api/python/",
)
_EVENTS = (
    "event_id STRING, user_id STRING, value DOUBLE, event_time TIMESTAMP, attributes MAP<STRING, STRING>"
)


def main(jars_folder: str, archive: str) -> int:
    """Work, and let the JVM write ``archive`` as it exits. Its exit code."""
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    jars = sorted(str(jar.resolve()) for jar in Path(jars_folder).glob("*.jar"))
    # As `clients/spark_session.py` does: an archive is only for JVMs whose class path begins with its own.
    os.environ["SPARK_DIST_CLASSPATH"] = ":".join(jars)
    with tempfile.TemporaryDirectory() as folder:
        spark = _session(archive, folder)
        try:
            _write_and_read(spark, f"{folder}/table")
            _stream(spark, f"{folder}/table", f"{folder}/stream")
            _factorise(spark)
            _load_classes(spark, jars)
        finally:
            spark.stop()
            code = _exit()
    return code


def _session(archive: str, folder: str) -> SparkSession:
    conf = {
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.shuffle.partitions": "2",
        "spark.databricks.delta.snapshotPartitions": "2",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.local.dir": folder,
        "spark.sql.warehouse.dir": folder,
        # This JVM lives for seconds, so the optimising compiler would not pay.
        "spark.driver.extraJavaOptions": f"-Xss8m -XX:TieredStopAtLevel=1 -XX:ArchiveClassesAtExit={archive}",
        "spark.sql.streaming.stateStore.providerClass": (
            "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"
        ),
    }
    builder = SparkSession.builder.appName("class-data").master("local[2]")
    for key, value in conf.items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("OFF")
    return spark


def _write_and_read(spark: SparkSession, table: str) -> None:
    """Create a Delta table, append to it, read it and delete from it, as is done with the lake's tables."""
    spark.sql(f"CREATE TABLE delta.`{table}` ({_EVENTS}) USING delta")
    text = """'{"user_id": "u", "value": 1.0}'"""
    rows = spark.sql(
        f"""SELECT uuid() event_id, event.user_id, event.value, now() event_time, map('a', 'b') attributes
        FROM (SELECT from_json({text}, 'user_id STRING, value DOUBLE') event FROM range(20))"""
    )
    rows.write.format("delta").mode("append").option("txnAppId", "a").option("txnVersion", 1).save(table)
    read = spark.read.format("delta").load(table)
    read.createOrReplaceTempView("events")
    spark.sql(
        """SELECT user_id, count(DISTINCT event_id), max_by(event_id, event_time) FROM events JOIN (
            SELECT user_id other, row_number() OVER (PARTITION BY user_id ORDER BY event_time) turn
            FROM events
        ) ON user_id = other WHERE turn < 3 GROUP BY user_id ORDER BY user_id"""
    ).collect()
    spark.sql(f"DELETE FROM delta.`{table}` WHERE user_id = 'u'")


def _stream(spark: SparkSession, table: str, folder: str) -> None:
    """Run a query that has a state and writes its batches into a table, as the lake's queries do."""

    def write(rows: DataFrame, number: int) -> None:
        rows.write.format("delta").mode("append").save(f"{folder}/counts")

    source = spark.readStream.format("rate-micro-batch").option("rowsPerBatch", 10).load()
    counted = source.withWatermark("timestamp", "1 hour").groupBy("value").count()
    query = (
        counted.writeStream.outputMode("update")
        .option("checkpointLocation", f"{folder}/counts-checkpoint")
        .foreachBatch(write)
        .trigger(processingTime="1 second")
        .start()
    )
    table_query = (
        spark.readStream.format("delta")
        .load(table)
        .writeStream.format("noop")
        .option("checkpointLocation", f"{folder}/table-checkpoint")
        .trigger(availableNow=True)
        .start()
    )
    table_query.awaitTermination(60)
    while not query.recentProgress and query.isActive:
        query.awaitTermination(1)
    query.stop()


def _factorise(spark: SparkSession) -> None:
    """Fit ALS once, by the JVM's class, because Python's needs numpy."""
    jvm: Any = spark._jvm
    ratings = spark.sql("SELECT int(id % 5) user, int(id % 7) item, float(1) rating FROM range(35)")
    als = jvm.org.apache.spark.ml.recommendation.ALS()
    als.setRank(2).setMaxIter(1).setUserCol("user").setItemCol("item").setRatingCol("rating")
    als.setImplicitPrefs(True).setNonnegative(False)
    als.fit(ratings._jdf).userFactors().count()


def _load_classes(spark: SparkSession, jars: Sequence[str]) -> None:
    """Load what would need a broker, or Python packages that may not be installed yet."""
    jvm: Any = spark._jvm
    loader = jvm.java.lang.Thread.currentThread().getContextClassLoader()
    for jar in (*jars, *glob(f"{Path(pyspark.__file__).parent}/jars/*.jar")):
        for file in ZipFile(jar).namelist():
            if file.startswith(_LOADED) and file.endswith(".class"):
                with suppress(Py4JError):  # its own requirements may be absent
                    jvm.java.lang.Class.forName(file[:-6].replace("/", "."), False, loader)


def _exit() -> int:
    """End the JVM by a normal exit, and wait until it has written the archive."""
    gateway: Any = SparkContext._gateway
    with suppress(Py4JError, OSError):  # the ending JVM does not answer
        gateway.jvm.java.lang.System.exit(0)
    return int(gateway.proc.wait())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
