"""Rows of orders that are no events: what was sent back or cancelled (SQL)."""

from __future__ import annotations

from collections.abc import Sequence

from ingest.files.columns import plain
from ingest.files.engine import sql_literal
from ingest.meaning.decisions import number_sql
from ingest.meaning.identifiers import short
from ingest.meaning.rows import LoadedTable

# States of an order that does not stand, in lower case and without blanks and signs.
_UNDONE = (
    "cancelled", "canceled", "refunded", "partiallyrefunded", "returned", "voided", "failed", "declined",
    "rejected", "chargeback", "expired", "abandoned", "trash",
)  # fmt: skip
_MAY_BE_ORDER = "(is_default OR kind = 'purchase')"  # a row with another type of its own is none
# Words in the names of columns that only orders have.
_OF_ORDERS = ("order", "invoice", "quantity", "qty", "price", "lineitem", "basket", "transaction")


def order_faults(tables: Sequence[LoadedTable]) -> list[tuple[str, str]]:
    """The reasons to refuse rows of orders: pairs of (condition, reason), both SQL."""
    found = []
    if any(loaded.columns.quantity for loaded in tables):
        cure = "is a return, not an event: --columns quantity=- takes such rows like all others"
        found.append(
            (
                f"{_MAY_BE_ORDER} AND {number_sql('quantity')} <= 0",
                f"'quantity ' || {short('quantity')} || ' {cure}'",
            )
        )
    if any(loaded.columns.status for loaded in tables):
        state = "regexp_replace(lower(status), '[^a-z]', '', 'g')"
        listed = ", ".join(sql_literal(word) for word in _UNDONE)
        cure = "says that the order does not stand: --columns status=- takes such rows like all others"
        found.append(
            (f"{_MAY_BE_ORDER} AND {state} IN ({listed})", f"'status ' || {short('status')} || ' {cure}'")
        )
    return found


def columns_of_orders(names: Sequence[str]) -> list[str]:
    """The names that show that a table holds orders."""
    return [name for name in names if any(word in plain(name) for word in _OF_ORDERS)]
