"""Opens the lake's tables without Spark."""

from __future__ import annotations

import pyarrow.dataset as ds
from deltalake import DeltaTable
from deltalake.exceptions import DeltaProtocolError, TableNotFoundError

from clients.storage.s3_options import for_deltalake
from contracts.settings import LakeSettings, is_s3
from contracts.stored.lake import INTERACTIONS, KEPT_SINCE, Table

_COLUMN_MAPPING = "delta.columnMapping.mode"


class TableFeatureError(Exception):
    """A table has a feature that only Spark reads. Streaming and training read it by Spark."""

    def __init__(self, uri: str, feature: str) -> None:
        super().__init__(
            f"{uri} has a feature that only Spark reads ({feature}): take it off in Spark, by ALTER TABLE "
            f"delta.`{uri}` DROP FEATURE deletionVectors, or columnMapping, or what is named here"
        )


def open_table(table: Table, lake_uri: str) -> ds.Dataset:
    """The newest version of a lake's table. S3 is reached by the settings of the environment.

    Raises deltalake.exceptions.TableNotFoundError where the table does not exist, and TableFeatureError.
    """
    return _dataset(_table(table, lake_uri))


def open_version(table: Table, lake_uri: str, version: int) -> ds.Dataset:
    """One version of a lake's table.

    Raises TableFeatureError.
    """
    found = _table(table, lake_uri)
    found.load_as_version(version)
    return _dataset(found)


def kept_since(lake_uri: str) -> int:
    """The event time (epoch ms) before which rows were deleted, as EVENTS_KEEP_DAYS asks; 0 if none were."""
    try:
        found = _table(INTERACTIONS, lake_uri).metadata().configuration
    except TableNotFoundError:
        return 0
    return int(found.get(KEPT_SINCE) or 0)


def _dataset(found: DeltaTable) -> ds.Dataset:
    # deltalake notices other features that Arrow cannot read; columns of other names would come as null.
    if (found.metadata().configuration.get(_COLUMN_MAPPING) or "none") != "none":
        raise TableFeatureError(found.table_uri, f"{_COLUMN_MAPPING} is set")
    try:
        # As nanoseconds, in which Spark writes them, times would end in 2262.
        return found.to_pyarrow_dataset(
            parquet_read_options=ds.ParquetReadOptions(coerce_int96_timestamp_unit="us")
        )
    except DeltaProtocolError as error:
        raise TableFeatureError(found.table_uri, str(error)) from error


def _table(table: Table, lake_uri: str) -> DeltaTable:
    options = for_deltalake(LakeSettings()) if is_s3(lake_uri) else None
    return DeltaTable(table.path(lake_uri), storage_options=options)
