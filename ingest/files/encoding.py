"""From the text of a line to the event's key and JSON, by the contract's own rules but without its objects.

A pydantic object a line costs ten times what this does; the parity test holds both to the same events.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError

from contracts.events import (
    EVENT_TYPES,
    MAX_EVENT_TIME_MS,
    MAX_RATING,
    MIN_RATING,
    EpochMillis,
    Identifier,
    checked_value,
)

_IDENTIFIER: TypeAdapter[str] = TypeAdapter(Identifier)
_EPOCH_MS: TypeAdapter[int] = TypeAdapter(EpochMillis)
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
# Below this a number is seconds (until the year 5138), from here on milliseconds (from 1973 on).
SECONDS_BELOW = 100_000_000_000
_REMEMBERED = 100_000  # ids whose check and JSON form are remembered


class EncodedEvent(NamedTuple):
    """An event ready to send. Sorts by time, then by its place in the source."""

    time_ms: int
    ordinal: int
    key: bytes
    value: bytes


class _Id(NamedTuple):
    json: str
    raw: bytes


def reason_of(error: ValidationError) -> str:
    """The contract's first complaint, without pydantic's decoration."""
    return error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")


def short(text: object) -> str:
    """The text as it may stand in a message."""
    shown = repr(text)
    return shown if len(shown) <= 60 else shown[:57] + "..."


@lru_cache(maxsize=_REMEMBERED)
def _identifier(name: str, text: str) -> _Id:
    try:
        checked = _IDENTIFIER.validate_python(text)
    except ValidationError as error:
        raise ValueError(f"{name} {short(text)}: {reason_of(error)}") from None
    return _Id(json.dumps(checked, ensure_ascii=False), checked.encode())


@lru_cache(maxsize=_REMEMBERED)
def _number(name: str, text: str) -> float:
    # float() alone would take "nan", "1_0" and digits of other scripts.
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{name} {short(text)} is not a number")
    return float(text)


def time_ms_of(text: str) -> int:
    """Epoch milliseconds of epoch seconds, epoch milliseconds (told apart by magnitude) or ISO 8601 text.

    Raises ValueError for anything else and for times before 1970 or after 9999.
    """
    if text.isdecimal() and text.isascii() and len(text) < 19:
        number = int(text)
        moment = number * 1000 if number < SECONDS_BELOW else number
    elif _NUMBER.fullmatch(text):
        decimal = float(text)
        if not abs(decimal) < 1e18:
            raise ValueError(f"time {short(text)} is out of range")
        moment = round(decimal * 1000 if decimal < SECONDS_BELOW else decimal)
    else:
        try:
            return _EPOCH_MS.validate_python(text)
        except (ValidationError, OverflowError):
            raise ValueError(
                f"time {short(text)} is neither epoch seconds, milliseconds nor ISO 8601"
            ) from None
    if not 0 <= moment <= MAX_EVENT_TIME_MS:
        raise ValueError(f"time {short(text)} is out of range")
    return moment


class RatingScale(NamedTuple):
    """Maps ratings of another scale linearly onto 0.5-5."""

    low: float
    high: float

    @classmethod
    def parse(cls, text: str) -> RatingScale:
        """From ``MIN:MAX``. Raises ValueError."""
        low, separator, high = text.partition(":")
        try:
            scale = cls(_number("MIN", low.strip()), _number("MAX", high.strip()))
        except ValueError as error:
            raise ValueError(f"--rating-scale wants MIN:MAX, for example 1:10 ({error})") from None
        if not separator or not scale.low < scale.high:
            raise ValueError("--rating-scale wants MIN:MAX with MIN below MAX, for example 1:10")
        return scale

    def map_rating(self, rating: float) -> float:
        """The rating on 0.5-5, to the millionth. Raises ValueError outside the scale."""
        if not self.low <= rating <= self.high:
            raise ValueError(f"rating {rating:g} lies outside --rating-scale {self.low:g}:{self.high:g}")
        share = (rating - self.low) / (self.high - self.low)
        return round(MIN_RATING + share * (MAX_RATING - MIN_RATING), 6)


class EventEncoder:
    """Encodes events of one run: the type where a line names none, and the scale of the ratings."""

    def __init__(self, event_type: str = "rating", scale: RatingScale | None = None) -> None:
        self._event_type, self._scale = event_type, scale
        self._value = lru_cache(maxsize=_REMEMBERED)(self._checked_value)

    def encode(
        self, ordinal: int, user: str, item: str, value: str, time_ms: int, event_type: str = ""
    ) -> EncodedEvent:
        """One event. Raises ValueError with a reason a person can act on.

        The id is a digest of the content, so that an event sent twice is one event.
        """
        kind = event_type or self._event_type
        user_json, user_raw = _identifier("user", user)
        item_json = _identifier("item", item).json
        value_json = self._value(kind, value)
        body = (
            f'"event_type":"{kind}","user_id":{user_json},"item_id":{item_json},'
            f'"value":{value_json},"event_time":{time_ms},"schema_version":1}}'
        )
        # The body names every field, so no two contents give the same bytes.
        h = blake2b(body.encode(), digest_size=16).hexdigest()
        event_id = f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"
        return EncodedEvent(time_ms, ordinal, user_raw, f'{{"event_id":"{event_id}",{body}'.encode())

    def _checked_value(self, kind: str, text: str) -> str:
        if kind not in EVENT_TYPES:
            raise ValueError(f"type {short(kind)} is none of {', '.join(EVENT_TYPES)}")
        value = _number("value", text) if text else None
        if kind == "rating" and value is not None:
            value = self._rating(value)
        return repr(checked_value(kind, value))

    def _rating(self, value: float) -> float:
        if self._scale is not None:
            return self._scale.map_rating(value)
        if not MIN_RATING <= value <= MAX_RATING:
            raise ValueError(
                f"rating {value:g} lies outside {MIN_RATING:g}-{MAX_RATING:g}; "
                "--rating-scale MIN:MAX maps another scale onto it"
            )
        return value
