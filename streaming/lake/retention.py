"""Deletes the lake's rows from before the bound of EVENTS_KEEP_DAYS, inside the query that writes them.

The bound is a property of the tables, so that readers without Redis (`headwater verify`) know why rows are
missing. It is written before rows are deleted.
"""

from __future__ import annotations

import logging

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from contracts.stored import lake
from streaming.lake.erasure import delete_rows
from streaming.lake.sink import is_empty, table_property

log = logging.getLogger("headwater.lake")
_TABLES = (lake.INTERACTIONS, lake.EXPOSURES)


def older_than(bound: int) -> Column:
    """Whether a row's event is from before the bound (epoch ms)."""
    return F.unix_millis("event_time") < bound


class LakeRetention:
    """Since when the lake keeps rows (epoch ms of event time; 0: all)."""

    def __init__(self, lake_uri: str) -> None:
        self._lake_uri = lake_uri
        self.kept_since = 0

    def load(self, spark: SparkSession) -> None:
        """Read the bound of the tables; to be called once after a start."""
        path = lake.INTERACTIONS.path(self._lake_uri)
        self.kept_since = max(self.kept_since, int(table_property(spark, path, lake.KEPT_SINCE) or 0))

    def move(self, spark: SparkSession, bound: int) -> None:
        """Delete what is older than a later bound; an earlier bound changes nothing."""
        if bound <= self.kept_since:
            return
        for table in _TABLES:
            path = table.path(self._lake_uri)
            spark.sql(f"ALTER TABLE delta.`{path}` SET TBLPROPERTIES ('{lake.KEPT_SINCE}' = '{bound}')")
            if not is_empty(spark, path):
                delete_rows(spark, path, older_than(bound))
        self.kept_since = bound
        log.info("rows of events before %d ms are deleted", bound)

    def is_older(self) -> Column:
        """Whether a row (of lake.INTERACTIONS or lake.EXPOSURES) is from before the bound."""
        return older_than(self.kept_since)

    def without_older(self, rows: DataFrame) -> DataFrame:
        """The rows that are kept."""
        return rows.filter(~self.is_older()) if self.kept_since else rows
