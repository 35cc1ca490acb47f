"""Reads from the lake how the lists of users held what they did next (lake.OUTCOMES)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from contracts.live_figures import TOP
from contracts.stored import lake
from training.data import dataset
from training.drift.shortfall import LiveCount

_MOST_OUTCOMES = 5000  # in one look; if there are more, the newest


class LiveHits(NamedTuple):
    """For each new event of a version, 1.0 where the item was among the first ten of the list."""

    served: list[float]  # the list that the user had
    retrained: list[float]  # that of the last training


@dataclass
class LiveOutcomes:
    """Looks at the outcomes since the last look. A row that is there twice counts twice, which is rare."""

    spark: SparkSession
    lake_uri: str
    _seen_through: datetime | None = None
    _seen_version: int | None = None

    def new_hits(self, version: str) -> LiveHits:
        """Those of the version's events, oldest first; none at the first look, and without the table."""
        outcomes = self._table()
        if outcomes is None:
            return LiveHits([], [])
        if self._seen_through is None:
            row = outcomes.agg(F.max("scored_at")).first()
            self._seen_through = row[0] if row else None
            return LiveHits([], [])
        rows = (
            outcomes.filter(F.col("scored_at") > F.lit(self._seen_through))
            .select("scored_at", "model_version", _is_hit("served_rank"), _is_hit("retrained_rank"))
            .orderBy(F.desc("scored_at"))
            .limit(_MOST_OUTCOMES)
            .collect()
        )
        if rows:
            self._seen_through = rows[0].scored_at
        of_version = [row for row in reversed(rows) if row.model_version == version]
        return LiveHits([row.served_rank for row in of_version], [row.retrained_rank for row in of_version])

    def counts(self) -> dict[str, LiveCount]:
        """The live counts of every version that the lake knows."""
        path = lake.OUTCOMES.path(self.lake_uri)
        if not dataset.is_table(self.spark, path):
            return {}
        found = self.spark.read.format("delta").load(path).groupBy("model_version")
        rows = found.agg(
            F.count("*").alias("events"), F.sum(_is_hit("retrained_rank")).alias("hits")
        ).collect()
        return {row.model_version: LiveCount(row.events, int(row.hits)) for row in rows}

    def _table(self) -> DataFrame | None:
        """The newest version of the table; None where there is nothing new."""
        version = dataset.newest_version(self.spark, self.lake_uri, lake.OUTCOMES)
        if version is None or version == self._seen_version:
            return None
        self._seen_version = version
        path = lake.OUTCOMES.path(self.lake_uri)
        return self.spark.read.format("delta").option("versionAsOf", version).load(path)


def _is_hit(rank: str) -> Column:
    return F.coalesce(F.col(rank) <= TOP, F.lit(False)).cast("double").alias(rank)
