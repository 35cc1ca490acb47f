from __future__ import annotations

from pathlib import Path

import pytest

from stack.machine.java import Java
from stack.processes.run_state import Folders, Ports
from stack.run.services import Options, environment, ingest_plan

FOLDERS = Folders(Path("/data"))


def _environment(options: Options) -> dict[str, str]:
    return environment(options, FOLDERS, Ports(1, 2, 3), Java(Path("/jvm"), 17, "17.0.1"))


def test_services_get_the_addresses_and_folders_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "elsewhere:9092")
    monkeypatch.delenv("API_HOST", raising=False)
    env = _environment(Options(Path("/data")))
    assert env["KAFKA_BOOTSTRAP_SERVERS"] == "127.0.0.1:2"
    assert env["LAKE_URI"] == "/data/lake"
    assert env["API_HOST"] == "127.0.0.1"
    assert env["TRAIN_EVERY_SECONDS"] == "300"


def test_a_run_connects_to_its_broker_without_the_environments_settings_for_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KAFKA_SECURITY_PROTOCOL", "SASL_SSL")
    monkeypatch.setenv("KAFKA_SASL_PASSWORD", "secret")
    env = _environment(Options(Path("/data")))
    assert env["KAFKA_SECURITY_PROTOCOL"] == env["KAFKA_SASL_PASSWORD"] == ""


def test_the_api_listens_where_the_user_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_HOST", "0.0.0.0")
    assert _environment(Options(Path("/data")))["API_HOST"] == "0.0.0.0"
    monkeypatch.setenv("API_HOST", "")
    assert _environment(Options(Path("/data")))["API_HOST"] == "127.0.0.1"


def test_demo_once_trains_on_request_and_commits_to_the_lake_early() -> None:
    env = _environment(Options(Path("/data"), once=True))
    assert env["TRAIN_EVERY_SECONDS"] == "0"
    assert float(env["LAKE_TRIGGER_SECONDS"]) <= 2


def test_the_producer_replays_the_source_as_asked() -> None:
    words = ingest_plan(
        Options(Path("/data"), ratings="r.csv", rate=50.0, reading=("--columns", "user=u")), FOLDERS
    ).command
    assert words[3:5] == ("ingest", "r.csv")
    assert words[words.index("--rate") + 1] == "50"
    assert words[words.index("--columns") + 1] == "user=u"


def test_only_a_lasting_run_of_the_built_in_source_has_live_traffic() -> None:
    assert "--endless" in ingest_plan(Options(Path("/data")), FOLDERS).command
    assert "--endless" not in ingest_plan(Options(Path("/data"), once=True), FOLDERS).command
    assert "--endless" not in ingest_plan(Options(Path("/data"), ratings="r.csv"), FOLDERS).command
