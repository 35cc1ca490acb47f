"""The pointer to the served model: the one script that moves it, with a line of audit in the same step.

The trainer, the API and `headwater models` all move it by this script, so that every move has its line.
"""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import NamedTuple

from contracts.stored import keyspace

# The audit list keeps its newest lines only.
AUDIT_LINES = 1000
# KEYS: the pointer, the audit list. ARGV: the expected version ("" for none), the new one, the line of audit,
# how many lines are kept. Returns 1 where the pointer moved, 0 where it names another version than expected.
MOVE_SCRIPT = """
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
redis.call('RPUSH', KEYS[2], ARGV[3])
redis.call('LTRIM', KEYS[2], -tonumber(ARGV[4]), -1)
return 1
"""
MOVE_KEYS = (keyspace.CURRENT_MODEL, keyspace.MODEL_AUDIT)


class AuditLine(NamedTuple):
    """Who did what to the pointer, when and why. A refusal and a pruning have a line too."""

    at: str  # ISO 8601, UTC
    by: str
    action: str  # publish, promote, rollback, refuse, prune
    before: str  # the version served before, "" for none
    version: str
    reason: str

    def encode(self) -> str:
        """One line of JSON."""
        return json.dumps(self.to_dict())

    def to_dict(self) -> dict[str, str]:
        """The fields as they are stored."""
        return {
            "at": self.at,
            "by": self.by,
            "action": self.action,
            "from": self.before,
            "to": self.version,
            "reason": self.reason,
        }

    @classmethod
    def decode(cls, raw: str | bytes) -> AuditLine:
        """A stored line; a field that it lacks is empty. Raises ValueError where it is not a JSON object."""
        fields = json.loads(raw)
        if not isinstance(fields, dict):
            raise ValueError(f"not a line of audit: {fields!r}")
        return cls(
            at=str(fields.get("at", "")),
            by=str(fields.get("by", "")),
            action=str(fields.get("action", "")),
            before=str(fields.get("from", "")),
            version=str(fields.get("to", "")),
            reason=str(fields.get("reason", "")),
        )


def audit_line(by: str, action: str, before: str | None, version: str, reason: str) -> AuditLine:
    """A line of audit with the present time."""
    return AuditLine(
        at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        by=by,
        action=action,
        before=before or "",
        version=version,
        reason=reason,
    )


def move_arguments(line: AuditLine) -> tuple[str | int, ...]:
    """The arguments of MOVE_SCRIPT: move the pointer from ``line.before`` to ``line.version``."""
    return (line.before, line.version, line.encode(), AUDIT_LINES)
