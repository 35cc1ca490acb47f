"""The trainer's Spark session."""

from __future__ import annotations

import gc
import time

from pyspark.sql import SparkSession

from clients.spark_session import spark_session
from contracts.settings import TrainingSettings

# After a collection, the heap shrinks to what is used and about a third more.
_SHRINKING = "-XX:MinHeapFreeRatio=10 -XX:MaxHeapFreeRatio=30"
_CLEANER_SECONDS = 1.0


def training_session(settings: TrainingSettings) -> SparkSession:
    """A session with a checkpoint folder: without one ALS keeps its whole lineage and overflows the stack."""
    spark = spark_session("headwater-training", settings, _SHRINKING)
    spark.sparkContext.setCheckpointDir(f"{settings.checkpoints_uri.rstrip('/')}/als")
    return spark


def give_back_memory(spark: SparkSession) -> None:
    """Collect a round's garbage, so that the JVM gives memory back to the machine until the next round.

    Without that, the JVM keeps the heap that a round has filled. Python's objects are collected first,
    because they hold objects of the JVM; a moment later Spark's cleaner frees what belonged to them.
    """
    jvm = spark.sparkContext._jvm
    assert jvm is not None
    gc.collect()
    jvm.java.lang.System.gc()
    time.sleep(_CLEANER_SECONDS)
    jvm.java.lang.System.gc()
