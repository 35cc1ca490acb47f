from __future__ import annotations

from pathlib import Path

from clients.json_logs import JsonLines
from stack.processes.log_tail import as_text, last_lines
from tests.clients.test_json_logs import record_of

JVM = "WARNING: Using incubator modules: jdk.incubator.vector"


def test_a_json_log_line_is_shown_as_text() -> None:
    record = record_of("published %s", "v3")
    record.created = 1_700_000_000.25
    assert as_text(JsonLines().format(record)) == [
        "2023-11-14T22:13:20.250+00:00 info serving: published v3",
    ]


def test_a_stack_trace_is_shown_line_by_line() -> None:
    record = record_of("failed")
    record.exc_text = "Traceback\n  here\nValueError: why"
    assert as_text(JsonLines().format(record))[1:] == ["Traceback", "  here", "ValueError: why"]


def test_other_lines_are_shown_unchanged() -> None:
    for line in (JVM, "[1]", "3", '{"message": "cut', '{"other": 1}', ""):
        assert as_text(line) == [line]


def test_the_length_of_the_tail_is_counted_in_shown_lines(tmp_path: Path) -> None:
    record = record_of("failed")
    record.exc_text = "Traceback\n  here\nValueError: why"
    log = tmp_path / "service.log"
    log.write_text(f"old\n{JVM}\n{JsonLines().format(record)}\n")
    assert last_lines(log, 0, 2) == ["  here", "ValueError: why"]
    assert last_lines(log, len("old\n"), 9)[0] == JVM
    assert last_lines(log, 10_000, 9) == []
