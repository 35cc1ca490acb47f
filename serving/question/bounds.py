"""The bounds of a request: ids in a path, lengths of lists."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query
from pydantic import WithJsonSchema
from starlette.convertors import Convertor, register_url_convertor

from contracts.events import MAX_ID_LENGTH, Identifier
from contracts.settings import ServingSettings

DEFAULT_N = 10
MAX_OFFSET = 10_000
# Outer blanks are removed (contracts/identifiers.py), so at least one character must not be a blank.
_TEXT, _NO_BLANK = "[^\\x00-\\x1f\\x7f-\\x9f]*", "[^\\x00-\\x20\\x7f-\\xa0\\ufeff]"
ID_SCHEMA = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_ID_LENGTH,
    "pattern": f"^{_TEXT}{_NO_BLANK}{_TEXT}$",
}
JsonId = Annotated[Identifier, WithJsonSchema(ID_SCHEMA)]
PathId = Annotated[Identifier, Path(), WithJsonSchema(ID_SCHEMA)]
Offset = Annotated[int, Query(ge=0, le=MAX_OFFSET, description="How many of the best to leave out")]


class IdConvertor(Convertor[str]):
    """Any text, slashes and line breaks too, so that a bad id gets a reason and not a 404."""

    regex = r"[\s\S]*"

    def convert(self, value: str) -> str:
        """The id as it came."""
        return value

    def to_string(self, value: str) -> str:
        """The reverse."""
        return value


class LastIdConvertor(IdConvertor):
    """An id at the end of a path. ``7/history`` is not such an id: another route has that path."""

    regex = (
        r"(?:(?!/(?:recommendations|history|because|similar|together|users|estimate|rank|export)/?$)[\s\S])*"
    )


register_url_convertor("id", IdConvertor())
register_url_convertor("last_id", LastIdConvertor())


def length_bounds(settings: ServingSettings) -> int:
    """The parameter ``n`` of every list: 1 to MAX_N, 10 by default."""
    default = min(DEFAULT_N, settings.max_n)
    n: int = Query(default, ge=1, le=settings.max_n, description="How many items")
    return n
