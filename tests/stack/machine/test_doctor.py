from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stack.cli import build_app
from stack.machine import doctor


def test_doctor_reports_each_check_as_passed_or_with_a_cure() -> None:
    checks = [doctor.Check("good", True, "fine", "none"), doctor.Check("bad", False, "broken", "mend it")]
    assert doctor.as_dict(checks) == {
        "ok": False,
        "checks": [
            {"name": "good", "ok": True, "found": "fine", "cure": None},
            {"name": "bad", "ok": False, "found": "broken", "cure": "mend it"},
        ],
    }


def test_doctor_prints_json_and_fails_when_a_check_fails() -> None:
    answer = CliRunner().invoke(build_app(["doctor"]), ["doctor", "--json"])
    found = json.loads(answer.stdout)
    names = [check["name"] for check in found["checks"]]
    assert names == ["Python", "Java", "memory", "disk", "ports", "jars", "versions", "Redis"]
    assert answer.exit_code == (0 if found["ok"] else 1)


def test_the_locked_jars_fit_the_installed_pyspark() -> None:
    check = doctor.check_versions()
    assert check.ok, check.found


def test_doctor_names_what_does_not_fit() -> None:
    jars = {"spark-sql-kafka-0-10_2.13": "4.2.0", "delta-spark_4.2_2.13": "4.4.0", "kafka-clients": "3.9.2"}
    assert doctor.mismatches("4.2.0", "2.13.18", jars) == []
    assert doctor.mismatches("4.3.0", "2.13.18", jars) == [
        "spark-sql-kafka-0-10_2.13 is 4.2.0, pyspark is 4.3.0",
        "delta-spark_4.2_2.13 is for Spark 4.2, pyspark is 4.3.0",
    ]
    assert len(doctor.mismatches("4.2.0", "2.12.1", jars)) == 2


@pytest.mark.parametrize(
    ("version", "ok", "is_old"), [("6.0.16", False, True), ("6.2.14", True, True), ("7.0.15", True, False)]
)
def test_a_redis_older_than_that_of_debian_is_reported_and_a_much_older_one_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str, ok: bool, is_old: bool
) -> None:
    server = tmp_path / "redis-server"
    server.write_text(f"#!/bin/sh\necho 'Redis server v={version} sha=00000000:0 malloc=libc bits=64'\n")
    server.chmod(0o755)
    monkeypatch.setattr("stack.machine.doctor.redis_server.find_redis", lambda: server)
    check = doctor.check_redis()
    assert check.ok == ok
    assert version in check.found
    assert ("older than Debian stable's" in check.found) == is_old
