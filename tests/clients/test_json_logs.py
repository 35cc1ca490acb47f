from __future__ import annotations

import json
import logging
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.json_logs import JsonLines

SERVICES = ("streaming", "training", "serving")


def record_of(message: str, *arguments: object, **extra: object) -> logging.LogRecord:
    record = logging.LogRecord("serving", logging.INFO, __file__, 1, message, arguments, None)
    vars(record).update(extra)
    return record


@given(st.text())
def test_a_log_entry_is_one_line_whatever_its_text(text: str) -> None:
    line = JsonLines().format(record_of("said %s", text))
    assert len(line.splitlines()) == 1
    assert json.loads(line)["message"] == f"said {text}"


def test_a_stack_trace_is_one_field_of_a_log_line() -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError:
        record = logging.LogRecord("serving", logging.ERROR, __file__, 1, "failed", (), sys.exc_info())
    line = JsonLines().format(record)
    assert len(line.splitlines()) == 1
    assert "Traceback" in json.loads(line)["trace"]


def test_a_log_line_has_named_fields_in_a_fixed_order() -> None:
    record = record_of("said", event_ids=["e1"], color_message="said in red", nothing=None)
    record.created = 1_700_000_000.25
    line = json.loads(JsonLines(lambda: {"request_id": "r1", "absent": None}).format(record))
    assert list(line.items()) == [
        ("time", "2023-11-14T22:13:20.250+00:00"),
        ("level", "info"),
        ("logger", "serving"),
        ("message", "said"),
        ("event_ids", ["e1"]),
        ("request_id", "r1"),
    ]


def lines_of(code: str) -> list[dict[str, str]]:
    """The records that a process logs as JSON to stderr; fails where a line is no JSON."""
    code = f"from clients.json_logs import log_json_lines\nlog_json_lines()\n{code}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_an_uncaught_exception_is_one_log_line() -> None:
    (line,) = lines_of("raise ValueError('two\\nlines')")
    assert line["level"] == "critical"
    assert line["message"] == "the process ended: ValueError: two\nlines"
    assert line["trace"].startswith("Traceback")


def test_an_exception_in_a_thread_is_one_log_line_that_names_the_thread() -> None:
    (line,) = lines_of("import threading\nthreading.Thread(target=lambda: 1 / 0, name='worker').start()")
    assert line["message"] == "thread worker ended: ZeroDivisionError: division by zero"


def test_a_python_warning_is_one_log_line() -> None:
    (line,) = lines_of("import warnings\nwarnings.warn('old')")
    assert (line["level"], line["logger"]) == ("warning", "py.warnings")
    assert "UserWarning: old" in line["message"]


@pytest.mark.slow
@pytest.mark.parametrize("service", SERVICES)
def test_a_service_that_cannot_start_says_so_in_json_with_exit_code_1(service: str) -> None:
    environment = {"REDIS_SHARDS": "none", "TRAIN_NICENESS": "none", "API_PORT": "none"}
    done = subprocess.run(
        [sys.executable, "-m", service], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    (line,) = map(json.loads, done.stderr.splitlines())
    assert line["level"] == "critical"
    assert "ValidationError" in line["message"]


def test_the_module_can_be_imported_without_spark_and_kafka() -> None:
    code = "import sys; print([name for name in ('pyspark', 'kafka') if name in sys.modules])"
    code = f"import clients.json_logs, serving.telemetry.logs; {code}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
