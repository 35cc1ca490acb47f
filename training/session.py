"""The trainer's Spark session."""

from __future__ import annotations

from pyspark.sql import SparkSession

from clients.spark_session import spark_session
from contracts.settings import TrainingSettings


def training_session(settings: TrainingSettings) -> SparkSession:
    """A session with a checkpoint folder: without one ALS keeps its whole lineage and overflows the stack."""
    spark = spark_session("headwater-training", settings)
    spark.sparkContext.setCheckpointDir(f"{settings.checkpoints_uri.rstrip('/')}/als")
    return spark
