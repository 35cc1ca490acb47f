"""Sends rejected records to their topic. Guarantee: at least once; readers drop repeats by source offset."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from clients.kafka_options import for_spark
from contracts import topics
from contracts.settings import KafkaSettings


def _header(name: str, value: Column) -> Column:
    return F.struct(F.lit(name).alias("key"), value.cast("string").cast("binary").alias("value"))


def write_rejected(rejects: DataFrame, settings: KafkaSettings) -> None:
    """Write the original key and bytes, with the reason and the origin in headers."""
    headers = F.array(
        _header(topics.REJECT_REASON, F.col("reason")),
        _header(topics.REJECT_TOPIC, F.col("topic")),
        _header(topics.REJECT_PARTITION, F.col("partition")),
        _header(topics.REJECT_OFFSET, F.col("offset")),
    )
    (
        rejects.select("key", "value", headers.alias("headers"))
        .write.format("kafka")
        .options(**for_spark(settings))
        .option("kafka.max.request.size", str(2 * topics.MAX_EVENT_BYTES))
        .option("includeHeaders", "true")
        .option("topic", topics.REJECTED.name)
        .save()
    )
