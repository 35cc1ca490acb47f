"""Opens the lake's tables without Spark."""

from __future__ import annotations

import pyarrow.dataset as ds
from deltalake import DeltaTable

from clients.storage.s3_options import for_deltalake
from contracts.settings import LakeSettings, is_s3
from contracts.stored.lake import Table


def open_table(table: Table, lake_uri: str) -> ds.Dataset:
    """The newest version of a lake's table. S3 is reached by the settings of the environment.

    Raises deltalake.exceptions.TableNotFoundError where the table does not exist.
    """
    options = for_deltalake(LakeSettings()) if is_s3(lake_uri) else None
    return DeltaTable(table.path(lake_uri), storage_options=options).to_pyarrow_dataset()
