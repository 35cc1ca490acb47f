"""Logs of every service as JSON: always one line for each entry, even if its text has line breaks."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from types import TracebackType
from typing import Any

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

_FIELDS = ("asctime", "levelname", "name", "message")
_NAMES = {"asctime": "time", "levelname": "level", "name": "logger", "exc_info": "trace"}
_NOT_SHOWN = (*RESERVED_ATTRS, "color_message")  # uvicorn repeats the message with terminal colours
_log = logging.getLogger("headwater")


class JsonLines(JsonFormatter):
    """Formats a log line: time, level, logger and message, then the fields of `extra` and `context`.

    A stack trace is one escaped field, `trace`. A field that is None is left out.
    """

    def __init__(self, context: Callable[[], Mapping[str, object]] = dict) -> None:
        """``context`` is called for each line, and returns fields that the logging code does not know."""
        super().__init__(fmt=_FIELDS, rename_fields=_NAMES, reserved_attrs=_NOT_SHOWN)
        self._context = context

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - logging's name
        """The time of the line in UTC, with milliseconds and offset."""
        return datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds")

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        """Lower the level's name, add the context, drop what is None."""
        line = {**log_data, "level": log_data["level"].lower(), **self._context()}
        return {name: value for name, value in line.items() if value is not None}


def log_json_lines(context: Callable[[], Mapping[str, object]] = dict) -> None:
    """Send all logs of the process to stderr, also warnings and uncaught exceptions."""
    target = logging.StreamHandler()
    target.setFormatter(JsonLines(context))
    logging.basicConfig(level=logging.INFO, handlers=[target], force=True)
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread


def _log_uncaught(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None, where: str = "the process"
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    _log.critical("%s ended: %s: %s", where, kind.__name__, error, exc_info=(kind, error, trace))


def _log_uncaught_in_thread(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_value is not None and not issubclass(ended.exc_type, SystemExit):
        name = ended.thread.name if ended.thread else "?"
        _log_uncaught(ended.exc_type, ended.exc_value, ended.exc_traceback, f"thread {name}")
