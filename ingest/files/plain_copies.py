"""Rewrites texts that no reader understands into the scratch folder, in a form that one understands."""

from __future__ import annotations

import ast
import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from ingest.files.content import Content
from ingest.files.first_bytes import Packing
from ingest.files.rejected_lines import SourceError

_MOST_BYTES = 256_000_000  # the largest single value that is read into memory
_SEARCHED_LINES = 200
_WIDE_BLANKS = re.compile(r"\S {2,}\S")
_ARRAYS = re.compile(r"\s*\[\s*\[")


def as_python(text: str) -> Any:
    """Parse a Python literal; None for any other text."""
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return None


def rewrite(content: Content, scratch: Path, lines: Iterable[str]) -> Content:
    """Write a copy of the content with these lines, which include their line ends."""
    target = scratch / f"written-{len(list(scratch.iterdir()))}"
    with target.open("w", encoding="utf-8", newline="") as file:
        file.writelines(lines)
    with target.open("rb") as written:
        head = written.read(max(len(content.head), 4096))
    return Content(content.named, target, Packing.NONE, content.encoding, head)


def has_wide_blanks(lines: list[str]) -> bool:
    """Whether columns are aligned with several blanks."""
    return any(_WIDE_BLANKS.search(line) for line in lines[:100])


def with_single_blanks(content: Content, scratch: Path) -> Content:
    """Make a copy with a single blank between fields."""
    texts = (raw.decode("utf-8", "replace") for raw in content.lines())
    return rewrite(content, scratch, (" ".join(text.split()) + "\n" for text in texts))


def has_two_line_ends(content: Content) -> bool:
    """Whether the first lines end in different ways, where DuckDB's reader fails."""
    ends = {line[len(line.rstrip(b"\r\n")) :] for line in islice(content.lines(), _SEARCHED_LINES)}
    return len(ends - {b""}) > 1


def with_one_line_end(content: Content, scratch: Path) -> Content:
    """Make a copy in which each line ends with a line feed only."""
    texts = (raw.decode("utf-8", "replace") for raw in content.lines())
    return rewrite(content, scratch, (text.rstrip("\r\n") + "\n" for text in texts))


def holds_arrays(text: str) -> bool:
    """Whether rows are JSON arrays or Python tuples and lists, instead of objects."""
    return _ARRAYS.match(text) is not None or _row_of(text.lstrip().partition("\n")[0]) is not None


def arrays_as_csv(content: Content, scratch: Path) -> Content:
    """Make a copy of the same rows as CSV. Raises SourceError for one value that is too large for memory."""
    if not _ARRAYS.match(content.text):
        texts = (raw.decode("utf-8", "replace") for raw in content.lines())
        return rewrite(content, scratch, (_as_line(_row_of(text)) or text for text in texts))
    return rewrite(content, scratch, map(_as_line, _rows_of(content)))


def list_as_json_lines(content: Content, scratch: Path) -> Content:
    """Make a copy of a list of Python dictionaries as JSON lines. Raises SourceError for a broken list."""
    rows = (json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in _rows_of(content))
    return rewrite(content, scratch, rows)


def _rows_of(content: Content) -> Iterator[Any]:
    size = content.path.stat().st_size
    if size > _MOST_BYTES:
        raise SourceError(f"{content.named} is one value of {size:,} bytes: write one record a line")
    text = b"".join(content.lines()).decode("utf-8", "replace").lstrip("\ufeff")
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError):
        rows = as_python(text)
    if not isinstance(rows, list):
        raise SourceError(f"{content.named} is neither a complete JSON array nor a Python list")
    yield from rows


def _row_of(line: str) -> list[Any] | None:
    """The cells of a line that is an array or a tuple; None for another line."""
    text = line.strip().rstrip(",")
    if text[:1] not in ("[", "(") or text[1:2] in ("{", ""):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = as_python(text)
    if not isinstance(found, list | tuple) or not found or isinstance(found[0], list | tuple | dict):
        return None
    return list(found)


def _as_line(row: Any) -> str:
    if not isinstance(row, list | tuple):
        return ""
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerow(["" if cell is None else cell for cell in row])
    return written.getvalue()
