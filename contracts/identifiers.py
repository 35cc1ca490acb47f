"""The form of every id, the same in files, at the API and in Kafka.

A number that is whole is written without a fraction; text is kept as it is, without outer blanks. The Spark
form stands in ``streaming/records/parse.py``, DuckDB's in ``ingest/meaning/identifiers.py``; the tests hold
all three to one corpus.
"""

from __future__ import annotations

from typing import Any

# What stands around an id by accident: blanks, line ends, tabs, the no-break space, a byte order mark.
BLANKS = " \t\r\n\u00a0\ufeff"
# From here on a float no longer holds every whole number, so its digits may be another id's.
INEXACT_FROM = 2**53


def canonical_id(value: Any) -> Any:
    """An id as it is stored; what is neither text nor a number is returned as it is, to be refused by type.

    Raises ValueError for a float so large that its digits are not certain.
    """
    if isinstance(value, str):
        return value.strip(BLANKS)
    if isinstance(value, float) and value.is_integer():
        if abs(value) >= INEXACT_FROM:
            raise ValueError("a number this large has lost digits as a float: write the id as text")
        return str(int(value))
    return value
