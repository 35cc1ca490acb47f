from __future__ import annotations

from serving.telemetry.logs import request_context
from serving.telemetry.request_id import current_request


def test_a_log_line_names_its_request() -> None:
    assert request_context() == {"request_id": None}
    token = current_request.set({"type": "http", "headers": [(b"x-request-id", b"id-1")]})
    try:
        assert request_context() == {"request_id": "id-1"}
    finally:
        current_request.reset(token)
