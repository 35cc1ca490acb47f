from __future__ import annotations

import json

from typer.testing import CliRunner

from stack.cli import build_app
from stack.machine import doctor


def test_doctor_says_of_each_check_whether_it_holds_and_the_cure_where_not() -> None:
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


def test_what_does_not_fit_is_named() -> None:
    jars = {"spark-sql-kafka-0-10_2.13": "4.2.0", "delta-spark_4.2_2.13": "4.4.0", "kafka-clients": "3.9.2"}
    assert doctor.mismatches("4.2.0", "2.13.18", jars) == []
    assert doctor.mismatches("4.3.0", "2.13.18", jars) == [
        "spark-sql-kafka-0-10_2.13 is 4.2.0, pyspark is 4.3.0",
        "delta-spark_4.2_2.13 is for Spark 4.2, pyspark is 4.3.0",
    ]
    assert len(doctor.mismatches("4.2.0", "2.12.1", jars)) == 2
