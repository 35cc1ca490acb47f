"""`headwater experiments` against an API that answers as ours does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from contracts.experiments.definition import Definition
from contracts.experiments.record import Experiment, define
from contracts.experiments.record import start as started
from experiments.cli import register
from tests.experiments.lake_rows import START

DEFINITION = {"name": "e", "hypothesis": "h", "arms": [{"name": "a"}, {"name": "b"}]}
GUARDED = DEFINITION | {"guardrails": [{"metric": "clicks_per_user"}]}
DRAFT = define(Definition.model_validate(GUARDED), None, START)
RUNNING = started(DRAFT, [], START)
PROBLEM = {
    "detail": "The request is not valid",
    "errors": [{"pointer": "/body/arms", "reason": "the weights of the arms sum to zero"}],
}


CUT_OFF = 299  # as by an API that is killed while it answers


class FakeApi(BaseHTTPRequestHandler):
    """Answers by path, and notes the requests."""

    asked: list[tuple[str, str, Any, str | None]] = []  # noqa: RUF012
    answers: dict[str, tuple[int, Any]] = {}  # noqa: RUF012

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        self.asked.append((self.command, self.path, body, self.headers.get("X-API-Key")))
        status, answer = self.answers[f"{self.command} {self.path}"]
        raw = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw) + (status == CUT_OFF)))
        self.end_headers()
        self.wfile.write(raw)

    do_GET = do_POST = do_PUT = _answer  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:
        """Write no log line."""


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[type[FakeApi]]:
    server = HTTPServer(("127.0.0.1", 0), FakeApi)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setenv("API_URL", f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setenv("ADMIN_API_KEY", "the-key")
    monkeypatch.setenv("LAKE_URI", str(tmp_path / "lake"))
    FakeApi.asked, FakeApi.answers = [], {}
    yield FakeApi
    server.shutdown()
    thread.join()
    server.server_close()


def invoke(*words: str) -> Any:
    app = typer.Typer()
    register(app)
    app.callback()(lambda: None)
    return CliRunner().invoke(app, ["experiments", *words])


def as_json(experiment: Experiment) -> Any:
    return experiment.model_dump(mode="json")


def test_the_commands_create_and_start_and_list_and_stop_an_experiment(
    fake: type[FakeApi], tmp_path: Path
) -> None:
    file = tmp_path / "e.json"
    file.write_text(json.dumps(DEFINITION))
    fake.answers = {
        "POST /v1/experiments": (201, as_json(DRAFT)),
        "POST /v1/experiments/e/start": (200, as_json(RUNNING)),
        "POST /v1/experiments/e/stop": (200, as_json(RUNNING)),
        "POST /v1/experiments/e/arms/b/stop": (200, as_json(RUNNING)),
        "GET /v1/experiments": (200, {"experiments": [as_json(RUNNING)]}),
    }
    assert json.loads(invoke("create", str(file), "--start", "--json").output)["state"] == "running"
    assert "running  a 1, b 1" in invoke("list").output
    assert json.loads(invoke("list", "--json").output) == [as_json(RUNNING)]
    assert invoke("stop", "e", "--reason", "seen").exit_code == 0
    assert invoke("stop", "e", "--arm", "b").exit_code == 0
    assert fake.asked[0] == ("POST", "/v1/experiments", DEFINITION, "the-key")
    assert fake.asked[-2][2] == {"reason": "seen"}


def test_a_refused_experiment_is_one_sentence_with_every_reason_and_exit_code_1(
    fake: type[FakeApi], tmp_path: Path
) -> None:
    file = tmp_path / "bad.json"
    file.write_text("{}")
    fake.answers = {
        "POST /v1/experiments": (422, PROBLEM),
        "POST /v1/experiments/..%2F%C3%A4%20%3Fx/start": (404, {"detail": "There is no such experiment"}),
        "GET /v1/experiments": (502, "<html>a proxy</html>"),
    }
    refused = invoke("create", str(file))
    assert refused.exit_code == 1
    assert refused.output.strip() == (
        "The request is not valid (/body/arms: the weights of the arms sum to zero)"
    )
    assert invoke("start", "../ä ?x").output.strip() == "There is no such experiment"
    assert "answered 502" in invoke("list").output
    fake.answers["GET /v1/experiments"] = (CUT_OFF, "{")
    assert "The API does not answer at" in invoke("list").output
    file.write_text("nonsense")
    assert "is no JSON" in invoke("create", str(file)).output


def test_a_replay_of_whole_lists_takes_a_rule_by_the_names_of_the_arms(
    fake: type[FakeApi], tmp_path: Path
) -> None:
    rule = tmp_path / "rule.csv"
    fake.answers = {"GET /v1/experiments/e": (200, as_json(RUNNING))}
    rule.write_text("arm,weight\nb,1\n")
    assert (
        "no known user is in this experiment yet" in invoke("replay", str(rule), "--experiment", "e").output
    )
    assert json.loads(invoke("replay", "--experiment", "e", "--json").output)["draws"] == 0
    rule.write_text("arm,weight\nz,1\n")
    refused = invoke("replay", str(rule), "--experiment", "e")
    assert (refused.exit_code, refused.output.strip()) == (1, "e has no arm z: it has a, b")
    assert "needs the columns item_id and weight" in invoke("replay", str(rule)).output


def test_an_api_that_does_not_answer_is_an_error_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_URL", "http://127.0.0.1:1")
    found = invoke("list")
    assert found.exit_code == 1
    assert "does not answer" in found.output
    assert "API_URL" in found.output


def test_a_report_is_printed_and_written_and_a_draft_has_no_report(
    fake: type[FakeApi], tmp_path: Path
) -> None:
    fake.answers = {
        "GET /v1/experiments/e": (200, as_json(RUNNING)),
        "GET /v1/experiments/draft": (200, as_json(DRAFT)),
        "GET /v1/experiments": (200, {"experiments": [as_json(RUNNING)]}),
        "POST /v1/experiments/e/looks": (204, ""),
        "PUT /v1/experiments/e/report": (204, ""),
    }
    page = tmp_path / "e.html"
    found = invoke("report", "e", "--out", str(page), "--json")
    assert json.loads(found.output)["decision"].startswith("Wait")
    command, path, kept, _ = fake.asked[-1]
    assert (command, path, kept["report"]) == ("PUT", "/v1/experiments/e/report", json.loads(found.output))
    assert "<h1>e, run 1</h1>" in page.read_text()
    fake.answers["PUT /v1/experiments/e/report"] = (404, {"detail": "no such route"})
    unkept = invoke("report", "e")
    assert unkept.exit_code == 0
    assert unkept.stderr == "The API did not keep this report: no such route\n"
    assert "Decision: Wait" in unkept.stdout
    fake.answers["PUT /v1/experiments/e/report"] = (204, "")
    draft = invoke("report", "draft")
    assert (draft.exit_code, "has not started" in draft.output) == (1, True)
    assert invoke("watch", "--once").output == ""
    command, path, look, key = fake.asked[-1]
    assert (command, path, key) == ("POST", "/v1/experiments/e/looks", "the-key")
    assert (look["run"], [arm["arm"] for arm in look["arms"]]) == (1, ["b"])
    fake.answers["POST /v1/experiments/e/looks"] = (404, {"detail": "no such route"})
    assert invoke("watch", "--once").output == "e: this look was not kept: no such route\n"
