"""Rows of orders: what was sent back or cancelled is no event, and the block says that rows are orders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Written = Callable[..., Path]
RETAIL = "InvoiceNo,StockCode,Quantity,InvoiceDate,UnitPrice,CustomerID\n" + "".join(
    f"{'C' if n == 4 else ''}53636{n},8512{n}A,{-6 if n == 4 else 6},12/{12 + n}/2010 8:26,2.55,1785{n}.0\n"
    for n in range(10)
)
SHOP = "Name,Email,Financial Status,Created at,Lineitem quantity,Lineitem sku\n" + "".join(
    f"#100{n},a{n}@example.com,{'Refunded' if n == 4 else 'paid'},2024-01-02 10:11:12 +0100,1,SKU{n}\n"
    for n in range(10)
)


@pytest.mark.parametrize(
    ("content", "cure"),
    [
        (RETAIL, "quantity '-6' is a return, not an event: --columns quantity=- takes such rows"),
        (SHOP, "status 'Refunded' says that the order does not stand: --columns status=- takes such rows"),
    ],
)
def test_a_row_that_was_sent_back_is_refused_with_the_option_that_takes_it(
    content: str, cure: str, write_file: Written, read_back: Any
) -> None:
    path = write_file("orders.csv", content)
    read = read_back(path, event_type="purchase")
    assert (read.types, read.rejected) == ({"purchase": 9}, 1)
    assert cure in read.shown[0]
    assert read_back(path, columns="quantity=-,status=-").types == {"view": 10}


def test_orders_that_would_be_sent_as_views_are_told_beforehand(write_file: Written, read_back: Any) -> None:
    told = "each row is a VIEW: --event-type purchase if these are orders (InvoiceNo, Quantity, InvoiceDate)"
    path = write_file("orders.csv", RETAIL)
    assert told in read_back(path).block
    assert "each row is a" not in read_back(path, event_type="purchase").block
    plays = read_back(write_file("plays.csv", "user,item\n1,2\n"))
    assert "each row is a view: --event-type sets another" in plays.block


def test_rows_with_a_type_of_their_own_are_no_orders(write_file: Written, read_back: Any) -> None:
    rows = ("view,1,0", "purchase,2,1", "purchase,3,0", "returned,4,-1")
    content = "event,sku,quantity,user\n" + "".join(f"{row},u\n" for row in rows)
    read = read_back(write_file("events.csv", content), types="returned=retract")
    assert (read.types, read.rejected) == ({"view": 1, "purchase": 1, "retract": 1}, 1)
    assert "quantity '0' is a return" in read.shown[0]
