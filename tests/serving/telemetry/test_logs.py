from __future__ import annotations

import json
import logging
import sys

from hypothesis import given
from hypothesis import strategies as st

from serving.telemetry.logs import JsonLines


@given(st.text())
def test_whatever_the_text_a_log_is_one_line(text: str) -> None:
    record = logging.LogRecord("serving", logging.INFO, __file__, 1, "said %s", (text,), None)
    line = JsonLines().format(record)
    assert len(line.splitlines()) == 1
    assert json.loads(line)["message"] == f"said {text}"


def test_a_stack_trace_is_one_field() -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError:
        record = logging.LogRecord("serving", logging.ERROR, __file__, 1, "failed", (), sys.exc_info())
    line = JsonLines().format(record)
    assert len(line.splitlines()) == 1
    assert "Traceback" in json.loads(line)["trace"]
