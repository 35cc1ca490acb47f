"""Experiments by the API: the one place that changes them."""

from __future__ import annotations

import json
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import ProxyHandler, Request, build_opener

from contracts.experiments.look import Look
from contracts.experiments.record import Experiment
from contracts.experiments.report import KeptReport, Report
from contracts.settings import ExperimentSettings

# The API is in this network, so no proxy is used.
_OPENER = build_opener(ProxyHandler({}))
_TIMEOUT_SECONDS = 10.0
_SHOWN_ERRORS = 5


class ExperimentApiError(Exception):
    """The API refused, or did not answer; the message says what to do."""


class ExperimentApi:
    """The routes /v1/experiments. Every method raises ExperimentApiError."""

    def __init__(self, settings: ExperimentSettings, timeout_seconds: float = _TIMEOUT_SECONDS) -> None:
        self._url = f"{settings.api_url.rstrip('/')}/v1/experiments"
        self._timeout = timeout_seconds
        self._key = settings.admin_api_key or settings.api_key

    def all(self) -> list[Experiment]:
        """Every experiment, the newest first."""
        found = self._call("GET", "")["experiments"]
        return [Experiment.model_validate(each) for each in found]

    def get(self, name: str) -> Experiment:
        """One experiment."""
        return Experiment.model_validate(self._call("GET", f"/{_quote(name)}"))

    def define(self, definition: object) -> Experiment:
        """Create an experiment, as a draft."""
        return Experiment.model_validate(self._call("POST", "", definition))

    def start(self, name: str) -> Experiment:
        """Start a draft."""
        return Experiment.model_validate(self._call("POST", f"/{_quote(name)}/start", {}))

    def stop(self, name: str, reason: str) -> Experiment:
        """Stop a running experiment."""
        return Experiment.model_validate(self._call("POST", f"/{_quote(name)}/stop", {"reason": reason}))

    def stop_arm(self, name: str, arm: str, reason: str) -> Experiment:
        """Stop one arm."""
        path = f"/{_quote(name)}/arms/{_quote(arm)}/stop"
        return Experiment.model_validate(self._call("POST", path, {"reason": reason}))

    def keep_look(self, name: str, look: Look) -> None:
        """Let the API keep a look, from which the page draws the intervals over time."""
        self._call("POST", f"/{_quote(name)}/looks", look.model_dump(mode="json"))

    def keep_report(self, report: Report, now_ms: int) -> None:
        """Let the API keep a report, in place of the one before."""
        kept = KeptReport(at=now_ms, report=report)
        # Its JSON has null for a bound that is infinite; its dictionary has not.
        body = json.loads(kept.model_dump_json())
        self._call("PUT", f"/{_quote(report.experiment)}/report", body)

    def _call(self, method: str, path: str, body: object = None) -> Any:
        headers = {"Content-Type": "application/json"}
        if self._key is not None:
            headers["X-API-Key"] = self._key.get_secret_value()
        data = None if body is None else json.dumps(body).encode()
        request = Request(self._url + path, data=data, headers=headers, method=method)
        try:
            with _OPENER.open(request, timeout=self._timeout) as answer:
                text = answer.read()
                return json.loads(text) if text else None
        except HTTPError as error:
            with error:
                raise ExperimentApiError(_in_words(error.code, error.read(100_000))) from error
        except (HTTPException, OSError, ValueError) as error:
            raise ExperimentApiError(
                f"The API does not answer at {self._url} ({error}): start the stack with `headwater up`, or "
                "name the right one by API_URL"
            ) from error


def _quote(name: str) -> str:
    return quote(name, safe="")


def _in_words(status: int, body: bytes) -> str:
    """The problem's sentence, with each place that is wrong and why."""
    try:
        problem = json.loads(body)
        errors = [f"{each['pointer']}: {each['reason']}" for each in problem.get("errors", ())]
        errors = [each for each in errors if each not in problem["detail"]]
        shown = "; ".join(errors[:_SHOWN_ERRORS]) + ("; ..." if len(errors) > _SHOWN_ERRORS else "")
        return f"{problem['detail']}{f' ({shown})' if shown else ''}"
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"The API answered {status}, and it is not Headwater's: name the right one by API_URL"
