"""The form of every id, the same in files, at the API and in Kafka.

A whole number is written without a fraction; text is kept as it is, without outer blanks.
``streaming/records/parse.py`` has the same rule for Spark, ``ingest/meaning/identifiers.py`` for DuckDB; the
tests run the same examples through all three.
"""

from __future__ import annotations

import math
from typing import Any

# What may surround an id by accident: blanks, line ends, tabs, the no-break space, a byte order mark.
BLANKS = " \t\r\n\u00a0\ufeff"
# From this number on, a float cannot hold every whole number, so its digits may be those of another id.
INEXACT_FROM = 2**53


def canonical_id(value: Any) -> Any:
    """The form in which an id is stored: text without outer blanks, a whole float without its fraction.

    Any other value is returned as it is: the type of the field decides about it. Raises ValueError for a
    float so large that its digits are not certain, and for NaN and infinity, which programs write for an
    absent number.
    """
    if isinstance(value, str):
        return value.strip(BLANKS)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("not a number: an id that is absent cannot be sent")
    if isinstance(value, float) and value.is_integer():
        if abs(value) >= INEXACT_FROM:
            raise ValueError("a number this large has lost digits as a float: write the id as text")
        return str(int(value))
    return value
