"""What a person may say about a source: the same options in `ingest`, `up`, `demo` and `download`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from contracts.events import EVENT_TYPES
from ingest.files.columns import parse_columns
from ingest.files.rejected_lines import SourceError
from ingest.meaning.scales import Scale, parse_scale

ZeroMeans = Literal["unrated", "worst"]
SKIP = "skip"  # a type of rows that are left out on purpose
ANY_OTHER = "*"
MOST_REFUSED = 0.05


@dataclass(frozen=True)
class ReadingOptions:
    """How to read a source, as far as the source does not show it."""

    columns: dict[str, str] = field(default_factory=dict)  # part -> column
    scale: Scale | None = None  # None: as the values show
    zero_means: ZeroMeans | None = None
    types: dict[str, str] = field(default_factory=dict)  # a file's name of a type, in lower case -> ours
    event_type: str | None = None  # the type of rows that name none
    time_format: str | None = None  # a format of strptime
    time_from_zero: bool = False
    encoding: str | None = None
    separator: str | None = None  # between the fields of text
    most_refused: float = MOST_REFUSED  # the largest share of rows that may be refused


def reading_options(
    columns: str | None = None,
    rating_scale: str | None = None,
    zero_means: str | None = None,
    types: str | None = None,
    event_type: str | None = None,
    time_format: str | None = None,
    time_from_zero: bool = False,
    encoding: str | None = None,
    separator: str | None = None,
    most_refused: float | None = None,
) -> ReadingOptions:
    """Parse the options of a command line. Raises SourceError naming the option that is not understood."""
    if event_type is not None and event_type not in EVENT_TYPES:
        raise SourceError(f"--event-type takes one of {', '.join(EVENT_TYPES)}")
    if zero_means not in (None, "unrated", "worst"):
        raise SourceError("--zero-means takes unrated (a view) or worst (the lowest rating)")
    if most_refused is not None and not 0 <= most_refused <= 1:
        raise SourceError("--most-refused takes a share from 0 to 1, for example 0.05")
    if time_format is not None and "%Z" in time_format:
        # Python reads only the names of the machine's own zone, and forgets them.
        raise SourceError("--time-format reads no names of zones (%Z): write offsets (%z), such as +02:00")
    if encoding is not None:
        _check_encoding(encoding)
    return ReadingOptions(
        columns=parse_columns(columns) if columns else {},
        scale=parse_scale(rating_scale) if rating_scale else None,
        zero_means=zero_means,  # type: ignore[arg-type]
        types=parse_types(types) if types else {},
        event_type=event_type,
        time_format=time_format,
        time_from_zero=time_from_zero,
        encoding=encoding,
        separator=parse_separator(separator) if separator is not None else None,
        most_refused=MOST_REFUSED if most_refused is None else most_refused,
    )


def parse_types(text: str) -> dict[str, str]:
    """From ``transaction=purchase,addtocart=click,*=view``. Raises SourceError."""
    found = {}
    for pair in text.split(","):
        name, separator, ours = (piece.strip() for piece in pair.partition("="))
        if not separator or not name or ours.lower() not in (*EVENT_TYPES, SKIP):
            raise SourceError(
                f"--type does not understand {pair.strip()!r}; write NAME=TYPE with a type of "
                f"{', '.join(EVENT_TYPES)}, or NAME={SKIP} to leave such rows out; *=TYPE is for all others"
            )
        found[name.lower()] = ours.lower()
    return found


def parse_separator(text: str) -> str:
    """Parse a separator: `tab` and backslash-t stand for a tab, backslash-x01 for the character 1.

    Raises SourceError.
    """
    if text.lower() == "tab":
        return "\t"
    written = re.sub(r"\\x([0-9a-fA-F]{2})", lambda found: chr(int(found[1], 16)), text).replace("\\t", "\t")
    if not written or any(mark in written for mark in '\r\n"\0'):
        raise SourceError("--separator takes one or more characters, such as ';', '\\t', '\\x01' or '||'")
    return written


def _check_encoding(name: str) -> None:
    try:
        "".encode(name)
    except LookupError:
        raise SourceError(f"--encoding {name!r} is not known; write for example latin-1 or utf-16") from None
