"""SQL expressions that say why a time is refused, and what to do about it."""

from __future__ import annotations

import time

from contracts.events import MAX_EVENT_TIME_MS, MAX_FUTURE_MS
from contracts.moments import EARLIEST_PLAUSIBLE_MS
from ingest.meaning.decisions import SLASHED, Decisions
from ingest.meaning.identifiers import LOST_DIGITS, is_null_like, short
from ingest.meaning.options import ReadingOptions

_FORMS = "--time-format %d/%m/%Y or --time-format %m/%d/%Y"


def time_faults(decisions: Decisions, options: ReadingOptions) -> list[tuple[str, str]]:
    """The reasons to refuse a row's time: pairs of (condition, reason), both SQL.

    They read the columns ``time`` (text) and ``moment`` (epoch milliseconds, NULL if unreadable).
    """
    missing = "it is missing or empty; --columns time=- gives every row a time by the order of the lines"
    found = [(f"moment IS NULL AND {is_null_like('time')}", f"'no time: {missing}'")]
    found += [
        (f"moment IS NULL AND regexp_full_match(time, '{form}')", f"'time ' || {short('time')} || ' {why}'")
        for form, why in _unreadable(decisions)
    ]
    return found + _implausible(options)


def _unreadable(decisions: Decisions) -> list[tuple[str, str]]:
    times = decisions.times
    clear = "no row shows which"
    if times.day_above_twelve and times.month_above_twelve:
        clear = "some rows have the day first and others the month"
    return [
        (SLASHED, f"may have the day or the month first, and {clear}: use for example {_FORMS}"),
        (LOST_DIGITS, "has lost its digits in a spreadsheet: export that column as text"),
        (
            "[0-9]{1,2}:[0-9]{2}(:[0-9.]+)?( ?[AaPp][Mm])?",
            "is a time of day without its date: --columns time=NAME says which column holds the date",
        ),
        (
            ".*",
            "is not a time in a known form (seconds, milliseconds, ISO 8601 and other usual ones); "
            "--time-format says how it is written, such as %d.%m.%y",
        ),
    ]


def _implausible(options: ReadingOptions) -> list[tuple[str, str]]:
    shown = short("ltrim(time, '@')")
    otherwise = "--time-format if it is written otherwise"
    latest = time.time_ns() // 1_000_000 + MAX_FUTURE_MS
    found = [
        (f"moment < 0 OR moment > {MAX_EVENT_TIME_MS}", f"'time ' || {short('time')} || ' is out of range'")
    ]
    if not options.time_from_zero:
        before = f"lies before 1990: --time-from-zero if that is meant, {otherwise}"
        found.append(
            (f"moment < {EARLIEST_PLAUSIBLE_MS} AND time IS NOT NULL", f"'time ' || {shown} || ' {before}'")
        )
    found.append((f"moment > {latest}", f"'time ' || {shown} || ' lies in the future; {otherwise}'"))
    return found
