"""What segments of users (contracts/stored/segments.py) like: the lists of a demographic cold start.

The lists are k-anonymous: an item is listed only if at least SEGMENT_MIN_USERS of the segment's users like
it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F  # noqa: N812

from contracts.stored import lake
from contracts.stored.segments import segments_of
from training.data.dataset import is_table

_MEMBERS_DDL = "user_id STRING, segment STRING"
_MEMBERS = pa.schema([("user_id", pa.string()), ("segment", pa.string())])


def members(spark: SparkSession, lake_uri: str, attributes: Sequence[str]) -> DataFrame | None:
    """(user_id, segment) from the newest metadata of each user; None if the lake has none."""
    newest = newest_attributes(spark, lake_uri, attributes)
    return None if newest is None else newest.mapInArrow(_segments(tuple(attributes)), _MEMBERS_DDL)


def newest_attributes(spark: SparkSession, lake_uri: str, attributes: Sequence[str]) -> DataFrame | None:
    """(id, attributes as JSON) of each user; None if the lake has none, or none that define segments."""
    path = lake.CATALOG.path(lake_uri)
    if not attributes or not is_table(spark, path):
        return None
    entries = spark.read.format("delta").load(path).filter("kind = 'user'")
    if entries.isEmpty():
        return None
    return entries.groupBy("id").agg(F.max_by(F.to_json("attributes"), "updated_at").alias("attributes"))


def segment_lists(of_users: DataFrame, users: DataFrame, preferences: DataFrame, n: int, k: int) -> DataFrame:
    """(segment, columns, scores): items by how many users of the segment like them, at least k, best first.

    ``users`` are (user_id, user_index), ``preferences`` training.data.dataset's with indexes.
    """
    liked = preferences.filter("positive").select("user_index", "item_index")
    counted = (
        of_users.join(users, "user_id")
        .join(liked, "user_index")
        .groupBy("segment", "item_index")
        .agg(F.count(F.lit(1)).alias("users"))
        .filter(F.col("users") >= k)
    )
    best = Window.partitionBy("segment").orderBy(F.desc("users"), "item_index")
    ranked = counted.withColumn("rank", F.row_number().over(best)).filter(F.col("rank") <= n)
    ordered = F.sort_array(
        F.collect_list(F.struct("rank", "item_index", F.col("users").cast("float").alias("users")))
    )
    lists = ranked.groupBy("segment").agg(ordered.alias("listed"))
    return lists.select(
        "segment", F.col("listed.item_index").alias("columns"), F.col("listed.users").alias("scores")
    )


def _segments(
    names: tuple[str, ...],
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def find_segments(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            ids, texts = (column.to_pylist() for column in batch.columns)
            rows = [
                {"user_id": user, "segment": segment}
                for user, text in zip(ids, texts, strict=True)
                for segment in segments_of(json.loads(text or "{}"), names)
            ]
            yield pa.RecordBatch.from_pylist(rows, schema=_MEMBERS)

    return find_segments
