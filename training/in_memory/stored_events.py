"""The events of a version of the lake; of a lake on this machine they are read without a Spark job."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlparse

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from pyspark.sql import DataFrame, SparkSession

from clients.storage.lake_tables import TableFeatureError, open_version
from contracts.events import EVENT_TYPES
from contracts.stored.lake import INTERACTIONS
from training.data import dataset
from training.in_memory.events import Events, events_of, read_events

# Spark writes a checksum of each page, and compares checksums of whole files when it reads them.
_CHECKED = ds.ParquetFragmentScanOptions(page_checksum_verification=True)
_IDS = ("user_id", "item_id", "event_id")


class UnreadEvents(Protocol):
    """One version of the interactions, which may be too large to be read here."""

    def count(self) -> int:
        """How many rows there are, those that are not usable among them; found without reading them."""

    def read(self) -> Events:
        """The usable events: those that `training.data.dataset.drop_unusable` leaves, of known types."""


@dataclass(frozen=True)
class EventsOfSpark:
    """Implements UnreadEvents for any lake; each question is a Spark job."""

    interactions: DataFrame

    def count(self) -> int:
        """Delta answers it from its log."""
        return self.interactions.count()

    def read(self) -> Events:
        """See UnreadEvents."""
        return read_events(self.interactions)


@dataclass(frozen=True)
class EventsOfFiles:
    """Implements UnreadEvents over files on this machine."""

    rows: ds.Dataset

    def count(self) -> int:
        """The ends of the files say it."""
        return int(self.rows.count_rows())

    def read(self) -> Events:
        """See UnreadEvents."""
        columns = [*_IDS, "event_type", "value", "event_time"]
        rows = self.rows.to_table(columns, fragment_scan_options=_CHECKED)
        types = pc.index_in(rows["event_type"], value_set=pa.array(EVENT_TYPES))
        usable = pc.and_(pc.is_valid(types), pc.is_finite(rows["value"]))
        for name in (*_IDS, "event_time"):
            usable = pc.and_(usable, pc.is_valid(rows[name]))
        # Rounded down, as by Spark's unix_millis, also before 1970. What is missing is dropped below.
        micros = rows["event_time"].cast(pa.timestamp("us", "UTC")).cast(pa.int64())
        times = pc.fill_null(micros, 0).to_numpy() // 1000
        usual = {name: rows[name] for name in (*_IDS, "value")}
        return events_of(pa.table(usual | {"type": types, "time": pa.array(times)}).filter(usable))


def unread_events(spark: SparkSession, lake_uri: str, version: int) -> UnreadEvents:
    """Spark reads what is not on this machine, and tables with a feature that only Spark knows."""
    if urlparse(lake_uri).scheme in ("", "file"):
        with suppress(TableFeatureError):
            return EventsOfFiles(open_version(INTERACTIONS, lake_uri, version))
    return EventsOfSpark(dataset.read_interactions(spark, lake_uri, version))
