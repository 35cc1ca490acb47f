"""A small rating file, and the events that a reader makes from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

Written = Callable[..., Path]
RATINGS = [
    (user, item, (user + item) % 5 + 1, 1_500_000_000 + 100 * user + item)
    for user in range(1, 6)
    for item in range(1, 5)
]


def delimited_lines(rows: list[tuple[Any, ...]], separator: str = ",") -> str:
    """The rows as text, a line each."""
    return "".join(separator.join(map(str, row)) + "\n" for row in rows)


WANTED = sorted(
    (("rating", str(u), str(i), float(v), 1000 * t) for u, i, v, t in RATINGS), key=lambda row: row[4]
)
