"""Reads times as epoch milliseconds, UTC, by one rule for files, the API and Kafka.

A text of 8, 12 or 14 digits that is a date (`date_of_digits`) is that date. Any other number is a time since
1970: with 9 or 10 digits in seconds, with 12 or 13 in milliseconds, with 15 or 16 in microseconds, with 18 or
19 in nanoseconds. Nanoseconds of about 1990 are refused: they are the ticks of .NET for today. All other text
is ISO 8601, with a space or a T before the time of day. A time without a zone (Z, " UTC", +02:00) is UTC.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

# An earlier time is probably one whose unit was mistaken: few kept logs of users before.
EARLIEST_PLAUSIBLE_MS = 631_152_000_000  # 1990-01-01
_SECONDS_BELOW = 100_000_000_000
_MS_BELOW = 100_000_000_000_000
_US_BELOW = 100_000_000_000_000_000
# What .NET counts in steps of 100 ns from the year 1, for moments from 1970 to 2100: the same numbers as
# nanoseconds lie between September 1989 and November 1990.
_TICKS = range(621_355_968_000_000_000, 662_380_416_000_000_000)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_DIGITS = re.compile(r"\d+", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_COMPACT = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
_ISO = re.compile(
    r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})"
    r"(?:[Tt ]\s*(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?)?"
    r"\s*(Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?",
    re.ASCII | re.IGNORECASE,
)


def moment_of(text: str) -> int:
    """Epoch milliseconds of a text, by the rule of this module; negative before 1970.

    Raises ValueError for text that is not a time, and ValueError or OverflowError for a date outside of
    Python's calendar (the years 1 to 9999).
    """
    digits = text.strip()
    if _NUMBER.fullmatch(digits):
        return moment_of_number(digits)
    return _of_iso(digits)


def moment_of_number(text: str) -> int:
    """Epoch milliseconds of a number's text, by the rule of this module. Raises ValueError."""
    if _DIGITS.fullmatch(text):
        if len(text) > 19:
            raise ValueError(f"{text[:40]} has too many digits for a moment")
        number = int(text)
        return date_of_digits(text) or _by_size(number)
    number_with_fraction = float(text)
    if not abs(number_with_fraction) < 1e19:
        raise ValueError(f"{text[:40]} is out of range")
    if number_with_fraction.is_integer() and date_of_digits(str(int(number_with_fraction))):
        return date_of_digits(str(int(number_with_fraction))) or 0
    return _by_size(number_with_fraction)


def date_of_digits(text: str) -> int | None:
    """Epoch milliseconds of YYYYMMDD, YYYYMMDDhhmm or YYYYMMDDhhmmss from 1900 to 2199; None for others.

    Twelve digits are a date only where they would be a moment before 1990 as milliseconds.
    """
    form = _COMPACT.get(len(text))
    if form is None or not "1900" <= text[:4] < "2200":
        return None
    if len(text) == 12 and int(text) >= EARLIEST_PLAUSIBLE_MS:
        return None
    try:
        return ms_of(datetime.strptime(text, form))
    except ValueError:
        return None


def _by_size(number: float) -> int:
    size = abs(number)
    if size < _SECONDS_BELOW:
        return round(number * 1000)
    if size < _MS_BELOW:
        return round(number)
    if int(number) in _TICKS:
        raise ValueError(f"{number:g} may be ticks of .NET: write milliseconds since 1970")
    return round(number / 1000 if size < _US_BELOW else number / 1_000_000)


def _of_iso(text: str) -> int:
    found = _ISO.fullmatch(text)
    if found is None:
        return ms_of(datetime.fromisoformat(text))
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    moment = datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0))
    if fraction:
        moment += timedelta(microseconds=int(fraction[:6].ljust(6, "0")))
    if zone and zone[0] in "+-":
        minutes = int(zone[1:3]) * 60 + int(zone[3:].lstrip(":") or 0)
        moment -= timedelta(minutes=minutes if zone[0] == "+" else -minutes)
    return ms_of(moment)


def ms_of(moment: datetime) -> int:
    """Epoch milliseconds; a moment without a zone is UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    return round((aware - _EPOCH) / timedelta(milliseconds=1))
