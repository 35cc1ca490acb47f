"""The script that changes the record of an experiment, with a line of audit in the same step.

It also keeps the number of each name's last run, so that an experiment that was deleted and is defined again
puts its users into arms independently. A second script writes records again where Redis was emptied.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import NamedTuple

from contracts.stored import keyspace

AUDIT_LINES = 1000  # the newest are kept
# Of how many names the last run's number is kept. Of more, one number is: the highest, from which every name
# then counts on.
RUN_NUMBERS = 10_000
# KEYS: the records, their revision, the audit list, the run numbers. ARGV: the experiment, the record as it
# was ("" for none), the new record ("" deletes it), the line of audit, how many lines are kept, the number of
# the last run that started (0 for none), of how many names it is kept. Returns 1 where the record was as
# expected, else 0.
CHANGE_SCRIPT = """
if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then return 0 end
if ARGV[3] == '' then redis.call('HDEL', KEYS[1], ARGV[1])
else redis.call('HSET', KEYS[1], ARGV[1], ARGV[3]) end
redis.call('INCR', KEYS[2])
redis.call('RPUSH', KEYS[3], ARGV[4])
redis.call('LTRIM', KEYS[3], -tonumber(ARGV[5]), -1)
if tonumber(ARGV[6]) <= tonumber(redis.call('HGET', KEYS[4], ARGV[1]) or 0) then return 1 end
redis.call('HSET', KEYS[4], ARGV[1], ARGV[6])
if redis.call('HLEN', KEYS[4]) <= tonumber(ARGV[7]) then return 1 end
local highest = 0
for _, run in ipairs(redis.call('HVALS', KEYS[4])) do highest = math.max(highest, tonumber(run)) end
redis.call('DEL', KEYS[4])
redis.call('HSET', KEYS[4], '', highest)
return 1
"""
CHANGE_KEYS = (
    keyspace.EXPERIMENTS,
    keyspace.EXPERIMENTS_REVISION,
    keyspace.EXPERIMENT_AUDIT,
    keyspace.EXPERIMENT_RUNS,
)
# Writes all records again where Redis was emptied: every change raises the revision, so nothing else takes it
# away. KEYS: the records, their revision, the run numbers. ARGV: the revision as it was, how many of the
# further arguments are of records, then name, record, name, record, ..., name, run number, ...
WRITE_AGAIN_SCRIPT = """
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
for place = 3, #ARGV, 2 do
  local key = place < 3 + tonumber(ARGV[2]) and KEYS[1] or KEYS[3]
  redis.call('HSETNX', key, ARGV[place], ARGV[place + 1])
end
redis.call('SET', KEYS[2], ARGV[1])
return 1
"""
WRITE_AGAIN_KEYS = (keyspace.EXPERIMENTS, keyspace.EXPERIMENTS_REVISION, keyspace.EXPERIMENT_RUNS)


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
    line: ExperimentChange, before: str | bytes | None, record: str, last_run: int = 0
) -> tuple[str | bytes | int, ...]:
    """The arguments of CHANGE_SCRIPT: from the record as it was read to the new one ("" deletes it).

    ``last_run`` is the number of the last run that started; 0 where none did, or where it is not known.
    """
    return (line.experiment, before or "", record, line.encode(), AUDIT_LINES, last_run, RUN_NUMBERS)


def write_again_arguments(
    revision: bytes, records: Mapping[bytes, bytes], runs: Mapping[bytes, bytes]
) -> tuple[bytes | int, ...]:
    """The arguments of WRITE_AGAIN_SCRIPT."""
    texts = (text for pairs in (records, runs) for pair in pairs.items() for text in pair)
    return (revision, 2 * len(records), *texts)
