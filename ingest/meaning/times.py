"""Reads the times of files: by the contract's rule, and in forms that occur only in files."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Literal

from contracts.moments import moment_of, ms_of
from ingest.meaning.identifiers import LOST_DIGITS

_REMEMBERED = 200_000
_EXCEL_EPOCH = datetime(1899, 12, 30)
# 1990-01-01 and 2100-01-01 as Excel counts days.
EXCEL_FIRST, EXCEL_LAST = 32_874, 73_051
_DECIMAL_COMMA = re.compile(r"^(\d+),(\d+)$", re.ASCII)
_SLASHED = re.compile(
    r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})(?:,?[ T]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?\s*([AaPp][Mm])?)?"
)
# The forms of Amazon's reviewTime, of Goodreads (and Twitter), and other usual ones.
_WRITTEN = (
    "%m %d, %Y",
    "%a %b %d %H:%M:%S %z %Y",
    "%B %d, %Y",
    "%b %d, %Y",
    "%d %B %Y",
    "%d %b %Y",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%b %d %Y",
    "%Y%m%dT%H%M%SZ",
    "%Y%m%dT%H%M%S",
)
Order = Literal["day first", "month first", "unknown"]
_LOST_DIGITS = re.compile(LOST_DIGITS, re.ASCII)
ReadTime = Callable[[str], "int | None"]


@dataclass(frozen=True)
class TimeRule:
    """How a source's times are read where the contract's rule is not enough."""

    from_zero: bool = False  # numbers do not count from 1970: seconds from a zero, or milliseconds if large
    excel: bool = False  # numbers count days as Excel does
    order: Order = "unknown"  # the order of day and month in dates with slashes
    format: str | None = None  # a format of strptime


@dataclass(frozen=True)
class Times:
    """Statistics of a source's time columns."""

    count: int = 0  # texts that are not empty
    typed: int = 0  # times from columns with a time type (Parquet)
    numbers: int = 0
    low: float = 0.0  # the lowest number
    high: float = 0.0
    digits: int = 0  # how many the longest whole number has
    day_above_twelve: bool = False  # in a date with slashes the first number is above twelve
    month_above_twelve: bool = False  # in a date with slashes the second number is above twelve
    slashed: int = 0


def rule_for(times: Times, from_zero: bool, time_format: str | None) -> TimeRule:
    """The rule that fits all times of a source together."""
    all_numbers = times.numbers == times.count > 0
    excel = not from_zero and all_numbers and EXCEL_FIRST <= times.low <= times.high < EXCEL_LAST
    order: Order = "unknown"
    if times.day_above_twelve != times.month_above_twelve:
        order = "day first" if times.day_above_twelve else "month first"
    return TimeRule(from_zero, excel, order, time_format)


def unit_of(times: Times, rule: TimeRule) -> str:
    """The unit of the times, for people."""
    if rule.format is not None:
        return f"as {rule.format}"
    if times.typed:
        return "typed times"
    if rule.excel:
        return "Excel's days"
    if not times.numbers:
        return f"dates as text ({rule.order})" if times.slashed else "dates as text"
    if rule.from_zero:
        return "seconds from zero" if times.high < 100_000_000_000 else "milliseconds from zero"
    if times.digits == 8:
        return "dates YYYYMMDD"
    if times.digits == 14:
        return "dates YYYYMMDDhhmmss"
    shortest, longest = _unit_of(times.low), _unit_of(times.high)
    return longest if shortest == longest else f"numbers of several units, from {shortest} to {longest}"


def _unit_of(number: float) -> str:
    units = ((1e11, "seconds"), (1e14, "milliseconds"), (1e17, "microseconds"))
    return next((unit for below, unit in units if number < below), "nanoseconds")


def time_reader(rule: TimeRule) -> ReadTime:
    """A function that reads a text as epoch milliseconds; None for a text that is not a time."""

    @lru_cache(maxsize=_REMEMBERED)
    def read(text: str) -> int | None:
        try:
            moment = _moment(_DECIMAL_COMMA.sub(r"\1.\2", text.strip()), rule)
        except (ValueError, OverflowError, TypeError):
            return None
        return moment if moment is not None and abs(moment) < 2**62 else None

    return read


def _moment(text: str, rule: TimeRule) -> int | None:
    if _LOST_DIGITS.fullmatch(text):
        return None
    if rule.format is not None:
        return ms_of(datetime.strptime(text, rule.format))
    if rule.excel:
        return ms_of(_EXCEL_EPOCH + timedelta(days=float(text)))
    if rule.from_zero and re.fullmatch(r"\d+(\.\d*)?", text, re.ASCII):
        number = float(text)
        return round(number * 1000) if number < 100_000_000_000 else round(number)
    try:
        return moment_of(text)
    except ValueError:
        return _parse_written_time(text, rule.order)


def _parse_written_time(text: str, order: Order) -> int | None:
    slashed = _SLASHED.fullmatch(text)
    if slashed is not None:
        return _of_slashes(slashed, order)
    plain = text.removeprefix("Posted ").rstrip(".")
    for form in _WRITTEN:
        try:
            return ms_of(datetime.strptime(plain, form))
        except ValueError:
            continue
    return ms_of(parsedate_to_datetime(text))


def _of_slashes(found: re.Match[str], order: Order) -> int | None:
    first, second, year, hour, minute, seconds, half = found.groups()
    if order == "unknown" and half:
        order = "month first"  # only Americans write AM and PM behind such dates
    if order == "unknown" and first != second:
        return None  # 03/04 may be March or April
    day, month = (second, first) if order == "month first" else (first, second)
    hours = int(hour or 0) % 12 + 12 * (half.lower() == "pm") if half else int(hour or 0)
    return ms_of(datetime(int(year), int(month), int(day), hours, int(minute or 0), int(seconds or 0)))
