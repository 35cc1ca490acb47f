from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pytest
import redis

from contracts.stored import keyspace
from contracts.stored.pointer import (
    AUDIT_LINES,
    MOVE_KEYS,
    MOVE_SCRIPT,
    AuditLine,
    audit_line,
    move_arguments,
)


def move(client: redis.Redis, before: str | None, version: str) -> bool:
    line = audit_line("somebody", "publish", before, version, "the first model")
    return bool(client.eval(MOVE_SCRIPT, len(MOVE_KEYS), *MOVE_KEYS, *move_arguments(line)))


def audit(client: redis.Redis) -> list[AuditLine]:
    lines: Any = client.lrange(keyspace.MODEL_AUDIT, 0, -1)
    return [AuditLine.decode(line) for line in lines]


def test_the_pointer_moves_only_from_the_expected_version_and_with_an_audit_line(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert move(client, None, "v1")
        assert move(client, "v1", "v2")
        assert not move(client, "v1", "v3")
        assert not move(client, None, "v3")
        assert client.get(keyspace.CURRENT_MODEL) == b"v2"
        assert [(line.before, line.version) for line in audit(client)] == [("", "v1"), ("v1", "v2")]


def test_the_audit_keeps_its_newest_lines(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.rpush(keyspace.MODEL_AUDIT, *[json.dumps({"to": str(n)}) for n in range(AUDIT_LINES)])
        assert move(client, None, "new")
        lines = audit(client)
        assert len(lines) == AUDIT_LINES
        assert (lines[0].version, lines[-1].version) == ("1", "new")


def test_an_audit_line_says_who_did_what_and_when_and_why() -> None:
    line = audit_line("ann", "rollback", "v2", "v1", "worse clicks")
    age = datetime.now(timezone.utc) - datetime.fromisoformat(line.at)
    assert 0 <= age.total_seconds() < 60
    assert json.loads(line.encode()) == {
        "at": line.at,
        "by": "ann",
        "action": "rollback",
        "from": "v2",
        "to": "v1",
        "reason": "worse clicks",
    }
    assert AuditLine.decode(line.encode()) == line


def test_an_audit_line_without_some_fields_is_read_and_other_text_is_not() -> None:
    assert AuditLine.decode(b'{"action": "prune"}') == AuditLine("", "", "prune", "", "", "")
    with pytest.raises(ValueError, match="not a line of audit"):
        AuditLine.decode("[]")
