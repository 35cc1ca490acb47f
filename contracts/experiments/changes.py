"""The script that changes the record of an experiment, with a line of audit in the same step.

A second one writes records again where Redis was emptied.
"""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import NamedTuple

from contracts.stored import keyspace

AUDIT_LINES = 1000  # the newest are kept
# KEYS: the records, their revision, the audit list. ARGV: the experiment, the record as it was ("" for none),
# the new record ("" deletes it), the line of audit, how many lines are kept. Returns 1 where the record was
# as expected, else 0.
CHANGE_SCRIPT = """
if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then return 0 end
if ARGV[3] == '' then redis.call('HDEL', KEYS[1], ARGV[1])
else redis.call('HSET', KEYS[1], ARGV[1], ARGV[3]) end
redis.call('INCR', KEYS[2])
redis.call('RPUSH', KEYS[3], ARGV[4])
redis.call('LTRIM', KEYS[3], -tonumber(ARGV[5]), -1)
return 1
"""
CHANGE_KEYS = (keyspace.EXPERIMENTS, keyspace.EXPERIMENTS_REVISION, keyspace.EXPERIMENT_AUDIT)
# Writes all records again where Redis was emptied: every change raises the revision, so nothing else takes it
# away. KEYS: the records, their revision. ARGV: the revision as it was, then name, record, name, record, ...
WRITE_AGAIN_SCRIPT = """
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
for place = 2, #ARGV, 2 do redis.call('HSETNX', KEYS[1], ARGV[place], ARGV[place + 1]) end
redis.call('SET', KEYS[2], ARGV[1])
return 1
"""
WRITE_AGAIN_KEYS = (keyspace.EXPERIMENTS, keyspace.EXPERIMENTS_REVISION)


class ExperimentChange(NamedTuple):
    """A line of audit: who did what to which experiment, when and why."""

    at: str  # ISO 8601, UTC
    by: str
    action: str  # define, start, stop, stop_arm, delete
    experiment: str
    reason: str

    def encode(self) -> str:
        """One line of JSON."""
        return json.dumps(self._asdict())

    @classmethod
    def decode(cls, raw: str | bytes) -> ExperimentChange:
        """A stored line; a field that it lacks is empty. Raises ValueError where it is not a JSON object."""
        fields = json.loads(raw)
        if not isinstance(fields, dict):
            raise ValueError(f"not a line of audit: {fields!r}")
        return cls(*(str(fields.get(name, "")) for name in cls._fields))


def change_of(by: str, action: str, experiment: str, reason: str) -> ExperimentChange:
    """A line of audit with the present time."""
    at = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return ExperimentChange(at=at, by=by, action=action, experiment=experiment, reason=reason)


def change_arguments(
    line: ExperimentChange, before: str | bytes | None, record: str
) -> tuple[str | bytes | int, ...]:
    """The arguments of CHANGE_SCRIPT: from the record as it was read to the new one ("" deletes it)."""
    return (line.experiment, before or "", record, line.encode(), AUDIT_LINES)
