"""One user's rows in the lake, which an erasure would delete."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow.compute as pc
from deltalake.exceptions import TableNotFoundError

from clients.storage.lake_tables import open_table
from contracts.catalog import ERASURE
from contracts.stored.lake import CATALOG, EXPOSURES, INTERACTIONS, Table


def rows_of_user(lake_uri: str, user_id: str) -> dict[str, list[dict[str, Any]]]:
    """Table -> the user's rows, oldest first; none where the table does not exist."""
    by_user = pc.field("user_id") == user_id
    of_user = pc.field("kind").isin(["user", ERASURE]) & (pc.field("id") == user_id)
    return {
        INTERACTIONS.name: list(_rows(lake_uri, INTERACTIONS, by_user, "event_time")),
        EXPOSURES.name: list(_rows(lake_uri, EXPOSURES, by_user, "event_time")),
        CATALOG.name: list(_rows(lake_uri, CATALOG, of_user, "updated_at")),
    }


def _rows(lake_uri: str, table: Table, wanted: pc.Expression, order: str) -> Iterator[dict[str, Any]]:
    try:
        dataset = open_table(table, lake_uri)
    except TableNotFoundError:
        return
    for row in dataset.to_table(filter=wanted).sort_by(order).to_pylist():
        yield {name: _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    """A value for JSON: times become ISO 8601 text, maps become objects."""
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, list) and value and all(isinstance(each, tuple) for each in value):
        return dict(value)
    return value
