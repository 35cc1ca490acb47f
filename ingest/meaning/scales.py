"""What the numbers of a rating mean: told by ``--rating-scale``, or taken from the range of the values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from contracts.events import MAX_RATING, MIN_RATING
from ingest.files.rejected_lines import SourceError

NUMBER = r"[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?"
_NUMBER = re.compile(NUMBER, re.ASCII)
COUNTS = "counts"


@dataclass(frozen=True)
class Scale:
    """How a value becomes a rating of 0.5-5, or another event.

    ``stars``: as it is. ``linear``: from ``low`` to ``high`` onto 0.5-5. ``likes``: above zero a like, below
    zero a dislike. ``counts``: how often something happened; the row is one event without a value.
    """

    kind: Literal["stars", "linear", "likes", "counts"]
    low: float = MIN_RATING
    high: float = MAX_RATING

    def __str__(self) -> str:
        if self.kind == "linear":
            return f"{self.low:g}:{self.high:g}, mapped onto {MIN_RATING:g}-{MAX_RATING:g}"
        return {
            "stars": f"stars of {MAX_RATING:g}, sent as they are",
            "likes": "1 is a like, -1 a dislike",
            "counts": "counts: each row is one event, whatever its count",
        }[self.kind]

    def sql(self, value: str) -> str:
        """The rating of a number, to the millionth."""
        if self.kind != "linear":
            return value
        spread = MAX_RATING - MIN_RATING
        return f"round({MIN_RATING} + ({value} - {self.low!r}) / {self.high - self.low!r} * {spread}, 6)"


@dataclass(frozen=True)
class Values:
    """What stands in the value column of the rows that may be ratings."""

    count: int = 0  # numbers
    zeros: int = 0
    low: float = 0.0  # of all numbers
    high: float = 0.0
    low_above_zero: float = 0.0
    is_whole: bool = True
    above_one: int = 0
    above_five: int = 0
    above_ten: int = 0
    above_hundred: int = 0
    below_zero: int = 0


STARS = Scale("stars")


def parse_scale(text: str) -> Scale:
    """From ``MIN:MAX``, ``likes`` or ``counts``. Raises SourceError."""
    if text.strip().lower() in ("likes", COUNTS):
        return Scale(text.strip().lower())  # type: ignore[arg-type]
    low, separator, high = (piece.strip() for piece in text.partition(":"))
    if not separator or not _NUMBER.fullmatch(low) or not _NUMBER.fullmatch(high):
        raise SourceError(
            "--rating-scale wants MIN:MAX, for example 1:10, or `likes` (1 and -1), or `counts`"
        )
    scale = Scale("linear", float(low), float(high))
    if not scale.low < scale.high < float("inf"):
        raise SourceError("--rating-scale wants MIN:MAX with MIN below MAX, for example 1:10")
    return scale


_STRAYS = 0.02  # so small a share of values beyond a scale's end does not make it another scale


def scale_of(values: Values, hint: tuple[float, float] | None = None) -> tuple[Scale | None, str | None]:
    """The scale that a range of values shows, and what a person should check; no scale: none is known.

    Zeros are left aside: they may stand for "not rated" (`--zero-means`). So are a few strays beyond the end.
    """
    if hint is not None:
        return Scale("linear", *hint), None
    if not values.count:
        return STARS, None
    most = _STRAYS * values.count
    if values.below_zero > most:
        return _signed_scale(values), None
    if values.high == 0 or values.above_hundred > most:
        return None, None
    if values.above_ten > most:
        are_counts = "are these counts? Then say --rating-scale counts"
        return Scale("linear", 0.0, 100.0), f"the highest value is {values.high:g}: {are_counts}"
    if values.above_five > most:
        elsewhere = "say --rating-scale MIN:MAX if the scale ends elsewhere"
        note = f"the highest value is {values.high:g}: {elsewhere}" if values.high < 10 else None
        return Scale("linear", 1.0 if values.low_above_zero >= 1 else 0.0, 10.0), note
    if not values.above_one and values.low_above_zero < MIN_RATING:
        return Scale("linear", 0.0, 1.0), None
    return STARS, None


def _signed_scale(values: Values) -> Scale | None:
    if values.low >= -1 and values.high <= 1 and values.is_whole:
        return Scale("likes")
    bounds = (1.0, 5.0, 10.0, 100.0)
    bound = next((end for end in bounds if -end <= values.low and values.high <= end), None)
    return None if bound is None else Scale("linear", -bound, bound)
