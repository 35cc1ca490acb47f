"""The lines of ledgers, which `headwater verify` reads.

A producer writes a JSON line before it sends an event, and another line with the offset when the broker has
acknowledged it.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

TEXTS = ("event_id", "event_type", "user_id", "item_id")
UNKNOWN_OFFSET = -1  # a broker that already had the event does not say at which offset
_MAX_TIME = 2**63 - 1
# An event of `headwater ingest` with plain identifiers. Bytes of this form are valid JSON, so nothing parses
# them.
_PLAIN = re.compile(
    rb'\{("event_id":"[0-9a-f-]{36}"),"event_type":"[a-z]+","user_id":"[ !#-\[\]-~]+",'
    rb'"item_id":"[ !#-\[\]-~]+","value":\d\.\d+,"event_time":\d{1,15},"schema_version":1\}'
)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


_decode = json.JSONDecoder(parse_constant=_refuse).decode


def attempted_line(event: bytes) -> bytes:
    """The line to write before an event is sent: its id, where it has one."""
    plain = _PLAIN.fullmatch(event)
    if plain:
        return b"{%s}\n" % plain[1]
    event_id = _fields(event).get("event_id")
    return json.dumps({} if event_id is None else {"event_id": event_id}).encode() + b"\n"


def acknowledged_line(event: bytes, partition: int, offset: int) -> bytes:
    """The line to write when an event is acknowledged: its place, and the fields that can be read."""
    if _PLAIN.fullmatch(event):
        return b'{"partition":%d,"offset":%d,%s\n' % (partition, offset, event[1:])
    line = {"partition": partition, "offset": offset, **_fields(event)}
    return json.dumps(line, separators=(",", ":")).encode() + b"\n"


def _fields(event: bytes) -> dict[str, Any]:
    """The fields of an event that have the right type; none where the bytes are not a JSON object."""
    try:
        found = _decode(event.decode())
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    fields = {name: found[name] for name in TEXTS if _is_text(found.get(name))}
    value, moment = found.get("value"), found.get("event_time")
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        fields["value"] = float(value)
    if isinstance(moment, int) and not isinstance(moment, bool) and 0 <= moment <= _MAX_TIME:
        fields["event_time"] = moment
    return fields


def _is_text(value: object) -> bool:
    return isinstance(value, str) and not any("\ud800" <= c <= "\udfff" for c in value)
