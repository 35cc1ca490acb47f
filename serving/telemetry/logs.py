"""The API's log lines: JSON, as those of every service, with the id of the request that they are about."""

from __future__ import annotations

from clients.json_logs import log_json_lines
from serving.telemetry.request_id import request_id


def request_context() -> dict[str, object]:
    """The field of a log line that names the current request; its id is None outside of one."""
    return {"request_id": request_id()}


def log_to_stderr() -> None:
    """Send every log of the process to stderr."""
    log_json_lines(request_context)
