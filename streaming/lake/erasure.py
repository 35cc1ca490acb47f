"""Forgets users in the lake, inside the query that writes it.

Guarantee: once a tombstone is in the catalogue's table, the lake has no older row of its user, and never
will. Rows are deleted before their tombstone is written. So a reader that reads first the catalogue and then
the interactions never finds rows of a user whose tombstone it has seen.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from functools import reduce
from itertools import islice
from operator import or_

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from contracts.catalog import ERASURE
from contracts.stored import lake
from streaming.lake.sink import is_empty

log = logging.getLogger("headwater.lake")
_USERS_PER_DELETE = 100


class LakeErasures:
    """The tombstones that the lake holds, in memory: user -> until when (epoch ms)."""

    def __init__(self, lake_uri: str) -> None:
        self._lake_uri = lake_uri
        self._until: dict[str, int] = {}

    def load(self, spark: SparkSession) -> None:
        """Read the tombstones; to be called once after a start."""
        path = lake.CATALOG.path(self._lake_uri)
        if not is_empty(spark, path):
            self._remember(spark.read.format("delta").load(path))

    def without_erased(self, rows_of_users: DataFrame) -> DataFrame:
        """The rows (lake.INTERACTIONS or lake.EXPOSURES) without those that are older than their user's
        tombstone."""
        if not self._until:
            return rows_of_users
        rows = list(self._until.items())
        tombstones = rows_of_users.sparkSession.createDataFrame(rows, "erased_user STRING, until BIGINT")
        is_erased = F.col("user_id") == F.col("erased_user")
        joined = rows_of_users.join(F.broadcast(tombstones), is_erased, "left")
        kept = F.col("until").isNull() | (F.unix_millis("event_time") > F.col("until"))
        return joined.filter(kept).select(*rows_of_users.columns)

    def erase(self, entries: DataFrame) -> None:
        """Delete the rows that are older than the tombstones among ``entries`` (rows of lake.CATALOG)."""
        new = self._remember(entries)
        if not new:
            return
        delete_users(entries.sparkSession, self._lake_uri, new)
        log.info("%d users erased", len(new))

    def _remember(self, entries: DataFrame) -> dict[str, int]:
        of_users = (
            entries.filter(F.col("kind") == ERASURE).groupBy("id").agg(F.max("updated_at").alias("until"))
        )
        new = {row["id"]: int(row["until"]) for row in of_users.collect()}
        self._until |= {user: max(until, self._until.get(user, 0)) for user, until in new.items()}
        return new


def delete_users(spark: SparkSession, lake_uri: str, until: Mapping[str, int]) -> None:
    """Delete the users' interactions, exposures and metadata up to their moments (epoch ms)."""
    for part in _parts(until.items()):
        delete_rows(spark, lake.INTERACTIONS.path(lake_uri), reduce(or_, _events_of(part)))
        if not is_empty(spark, lake.EXPOSURES.path(lake_uri)):
            delete_rows(spark, lake.EXPOSURES.path(lake_uri), reduce(or_, _events_of(part)))
        metadata = (_is(user, "id") & (F.col("updated_at") < moment) for user, moment in part)
        is_user = F.col("kind") == "user"
        delete_rows(spark, lake.CATALOG.path(lake_uri), is_user & reduce(or_, metadata))


def _events_of(users: Iterable[tuple[str, int]]) -> Iterator[Column]:
    return (_is(user, "user_id") & (F.unix_millis("event_time") <= moment) for user, moment in users)


def _is(user: str, column: str) -> Column:
    return F.col(column) == F.lit(user)


def delete_rows(spark: SparkSession, path: str, condition: Column) -> None:
    """Delete the rows of a table that a condition holds for."""
    # Through Delta's classes, because a DELETE statement takes no parameters and an id must not become SQL.
    assert spark._jvm is not None
    table = spark._jvm.io.delta.tables.DeltaTable.forPath(spark._jsparkSession, path)
    table.delete(condition._jc)


def _parts(pairs: Iterable[tuple[str, int]]) -> Iterable[list[tuple[str, int]]]:
    iterator = iter(pairs)
    while part := list(islice(iterator, _USERS_PER_DELETE)):
        yield part
