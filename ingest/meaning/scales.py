"""What the numbers of a rating mean: as ``--rating-scale`` says, or as the range of the values shows."""

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
    """How a value becomes a rating from 0.5 to 5, or another event.

    ``stars``: unchanged. ``linear``: from ``low`` to ``high`` onto 0.5-5. ``likes``: above zero a like, below
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
        """SQL: the rating for a number, rounded to six decimal places."""
        if self.kind != "linear":
            return value
        spread = MAX_RATING - MIN_RATING
        return f"round({MIN_RATING} + ({value} - {self.low!r}) / {self.high - self.low!r} * {spread}, 6)"


@dataclass(frozen=True)
class Values:
    """Statistics of the value column, over the rows that may be ratings."""

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
    minus_ones: int = 0  # values of -1; they count in below_zero too
    named: int = 0  # rows whose own type says that they are ratings


STARS = Scale("stars")


def parse_scale(text: str) -> Scale:
    """From ``MIN:MAX``, ``likes`` or ``counts``. Raises SourceError."""
    if text.strip().lower() in ("likes", COUNTS):
        return Scale(text.strip().lower())  # type: ignore[arg-type]
    low, separator, high = (piece.strip() for piece in text.partition(":"))
    if not separator or not _NUMBER.fullmatch(low) or not _NUMBER.fullmatch(high):
        raise SourceError(
            "--rating-scale takes MIN:MAX, for example 1:10, or `likes` (1 and -1), or `counts`"
        )
    scale = Scale("linear", float(low), float(high))
    if not scale.low < scale.high < float("inf"):
        raise SourceError("--rating-scale takes MIN:MAX with MIN below MAX, for example 1:10")
    return scale


_FEW = 10  # a file with fewer values does not show a scale
_STRAYS = 0.02  # a share of values this small beyond the end of a scale does not change the scale
_DOUBTFUL = 0.1  # up to this share, values beyond the end may be of another scale, or wrong


def scale_of(values: Values, hint: tuple[float, float] | None = None) -> tuple[Scale | None, str | None]:
    """The scale that a range of values shows (None if it shows none), and what a person should check.

    Zeros are ignored, as they may mean "not rated" (`--zero-means`); so are a few values beyond the end. With
    some more of these, no scale is certain.
    """
    if hint is not None:
        return Scale("linear", *hint), None
    if not values.count:
        return STARS, None
    most = _STRAYS * values.count
    if values.below_zero > most:
        return _signed_scale(values), None
    if values.high == 0:
        return None, None
    for above, end in ((values.above_hundred, 100), (values.above_ten, 10), (values.above_five, 5)):
        if most < above <= _DOUBTFUL * values.count:
            return None, (
                f"{above:,} of {values.count:,} values are above {end}, up to {values.high:g}: use "
                f"--rating-scale 1:{end}, which refuses them, or --rating-scale 1:{values.high:g}"
            )
        if above > most:
            break
    if values.above_hundred > most:
        return None, None
    if values.above_ten > most:
        are_counts = "are these counts? Then use --rating-scale counts"
        return Scale("linear", 0.0, 100.0), f"the highest value is {values.high:g}: {are_counts}"
    if values.above_five > most:
        elsewhere = "use --rating-scale MIN:MAX if the scale ends elsewhere"
        note = f"the highest value is {values.high:g}: {elsewhere}" if values.high < 10 else None
        return Scale("linear", 1.0 if values.low_above_zero >= 1 else 0.0, 10.0), note
    has_only_ones = values.high == values.low_above_zero == 1 and not values.named
    if has_only_ones and (values.zeros or values.count >= _FEW):
        stars = "use --rating-scale 1:5 if 1 is the lowest of five stars"
        return Scale("likes"), f"no value is above 1, so a 1 is taken as a like: {stars}"
    if not values.above_one and values.low_above_zero < MIN_RATING:
        return Scale("linear", 0.0, 1.0), None
    return STARS, None


def _signed_scale(values: Values) -> Scale | None:
    if values.low >= -1 and values.high <= 1 and values.is_whole:
        return Scale("likes")
    bounds = (1.0, 5.0, 10.0, 100.0)
    bound = next((end for end in bounds if -end <= values.low and values.high <= end), None)
    return None if bound is None else Scale("linear", -bound, bound)


def has_unrated_mark(values: Values) -> bool:
    """Whether -1 occurs beside ratings above 1 and is the only negative value: it often means "not rated"."""
    return values.minus_ones == values.below_zero > 0 and values.high > 1


def differing_scales(by_file: dict[str, Values]) -> str | None:
    """A note for people if the files of a source show different scales; None if they agree."""
    shown: dict[str, str] = {}
    for name, values in by_file.items():
        if values.count < _FEW or values.high <= 1:
            continue
        scale, _ = scale_of(values)
        shown.setdefault(str(scale), f"{name} holds {values.low:g} to {values.high:g}")
    if len(shown) < 2:
        return None
    return (
        f"the files differ ({', '.join(shown.values())}): send them one by one, or use --rating-scale MIN:MAX"
    )
