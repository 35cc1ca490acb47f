"""Segments of users by their metadata: a user without a history gets what others of the segment like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_NAME_LENGTH = 512
# Upper bounds (exclusive) and names, those of the MovieLens data sets, for an age that is a number.
_AGES = (
    *((18, "under 18"), (25, "18-24"), (35, "25-34"), (45, "35-44"), (50, "45-49"), (56, "50-55")),
    (1000, "56+"),
)


def segments_of(attributes: Mapping[str, str], names: Sequence[str]) -> list[str]:
    """The segments that a user is in: all of the named attributes together, then each alone.

    An attribute that is absent or empty makes none; a number for an age becomes its group.
    """
    known = [f"{name}={_group(name, attributes[name])}" for name in names if attributes.get(name)]
    together = [" & ".join(known)] if len(known) > 1 else []
    return [segment[:_NAME_LENGTH] for segment in (*together, *known)]


def _group(name: str, value: str) -> str:
    if name != "age" or not (value.isascii() and value.isdecimal()):
        return value
    age = int(value[:4])
    return next((group for bound, group in _AGES if age < bound), value)
