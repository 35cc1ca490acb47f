"""Recognises known files without a header by the content of their columns, and names the columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

Records = Sequence[Sequence[str]]  # all of one width
_NUMBER = re.compile(r"-?\d+([.,]\d*)?([eE][+-]?\d+)?", re.ASCII)
_WHOLE = re.compile(r"\d+", re.ASCII)
_ASIN = re.compile(r"[B0-9][0-9A-Z]{9}")
_AMAZON_USER = re.compile(r"A[0-9A-Z]{8,20}")
_SHA1 = re.compile(r"[0-9a-f]{40}")
_MOMENT = re.compile(r"\d{8,19}(\.\d+)?|\d{4}-\d\d-\d\d.*")
_NEWER_MOMENT = re.compile(r"1\d{9}(\d{3})?(\.\d+)?|\d{4}-\d\d-\d\d.*")  # since 2001, or a date
_ISO_SECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z?")
_COORDINATE = re.compile(r"-?\d{1,3}\.\d+")
_MIND_TIME = re.compile(r"\d{1,2}/\d{1,2}/\d{4} \d{1,2}:\d\d:\d\d [AP]M")
_STEAM = re.compile(r"purchase|play")
_TAOBAO = re.compile(r"pv|buy|cart|fav")
# In Jester, 99 means "not rated", and the first column is the number of the user's ratings.
JESTER_UNRATED, JESTER_LOW, JESTER_HIGH = 99.0, -10.0, 10.0
_JESTER_WIDTHS = range(50, 200)


def known_names(records: Records) -> list[str] | None:
    """The column names of a file without a header; None if its layout is not known."""
    if not records:
        return None
    width = len(records[0])
    for fits, names in _LAYOUTS:
        if len(names) == width and fits(records):
            return list(names)
    return None


def is_jester(records: Records) -> bool:
    """Whether it is a matrix of jokes: one line for each user, one column for each joke, -10 to 10 or 99."""
    if not records or len(records[0]) not in _JESTER_WIDTHS:
        return False
    try:
        cells = [float(cell) for record in records[:20] for cell in record[1:]]
    except ValueError:
        return False
    rated = [cell for cell in cells if cell != JESTER_UNRATED]
    return bool(rated) and min(rated) < 0 and all(abs(cell) <= JESTER_HIGH + 0.5 for cell in rated)


def is_mind(records: Records) -> bool:
    """Whether it is MIND's behaviors.tsv: impression, user, time, history, shown items (-1 marks a click)."""
    return bool(records) and len(records[0]) == 5 and _all(records, 2, _MIND_TIME)


def is_netflix(lines: Sequence[str]) -> bool:
    """Whether it is the Netflix prize: a line ``movie:``, and below it lines ``user,rating,date``."""
    return (
        len(lines) > 1
        and re.fullmatch(r"\d+:", lines[0].strip()) is not None
        and all(re.fullmatch(r"\d+:|\d+,\d(\.\d)?,\d{4}-\d\d-\d\d", line.strip()) for line in lines[1:50])
    )


def _all(records: Records, column: int, pattern: re.Pattern[str]) -> bool:
    """Whether nearly all values of a column match: a few broken lines do not change what a file is."""
    found = sum(pattern.fullmatch(record[column].strip()) is not None for record in records)
    return found > 0 and found >= 0.8 * len(records)


def _amazon_2018(records: Records) -> bool:
    return _all(records, 0, _ASIN) and _all(records, 1, _AMAZON_USER) and _all(records, 2, _NUMBER)


def _last_fm_360k(records: Records) -> bool:
    return _all(records, 0, _SHA1) and _all(records, 3, _WHOLE)


def _last_fm_1k(records: Records) -> bool:
    return _all(records, 1, _ISO_SECONDS)


def _rating_and_time(records: Records) -> bool:
    return _all(records, 2, _NUMBER) and _all(records, 3, _MOMENT) and not _all(records, 2, _MOMENT)


def _taobao(records: Records) -> bool:
    return _all(records, 3, _TAOBAO) and _all(records, 4, _MOMENT)


def _steam_200k(records: Records) -> bool:
    return _all(records, 2, _STEAM)


def _check_in(records: Records) -> bool:
    return _all(records, 1, _ISO_SECONDS) and all(_all(records, n, _COORDINATE) for n in (2, 3))


def _session_purchase(records: Records) -> bool:
    return _all(records, 1, _ISO_SECONDS) and all(_all(records, n, _WHOLE) for n in (2, 3, 4))


def _session_click(records: Records) -> bool:
    return _all(records, 1, _ISO_SECONDS) and _all(records, 2, _WHOLE)


def _time_last(records: Records) -> bool:
    return _all(records, 2, _MOMENT) and not _time_first(records)


def _rating_last(records: Records) -> bool:
    return _all(records, 2, _NUMBER) and not _time_first(records)


def _time_first(records: Records) -> bool:
    """Whether the first column may hold times: then a person has to say what it holds."""
    return _all(records, 0, _NEWER_MOMENT)


# The first layout that fits counts. The last ones are guesses: what most files of that width are.
_LAYOUTS: tuple[tuple[Callable[[Records], bool], tuple[str, ...]], ...] = (
    (_amazon_2018, ("asin", "reviewerID", "overall", "unixReviewTime")),
    (_last_fm_360k, ("user", "artist", "artist name", "plays")),
    (_last_fm_1k, ("user", "timestamp", "artist mbid", "artist", "track mbid", "track name")),
    (_taobao, ("user", "item", "category", "behavior", "timestamp")),
    (_steam_200k, ("user", "game", "behavior", "hours", "last")),
    (_check_in, ("user", "timestamp", "latitude", "longitude", "place")),
    (_session_purchase, ("session", "timestamp", "item", "price", "quantity")),
    (_session_click, ("session", "timestamp", "item", "category")),
    (_rating_and_time, ("user", "item", "rating", "timestamp")),
    (_time_last, ("user", "item", "timestamp")),
    (_rating_last, ("user", "item", "rating")),
)
