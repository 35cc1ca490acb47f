"""Logs as JSON, one line each, whatever text is in them: the same for every service."""

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
_NOT_SHOWN = (*RESERVED_ATTRS, "color_message")  # uvicorn's: the message again, with terminal colours
_log = logging.getLogger("headwater")


class JsonLines(JsonFormatter):
    """time, level, logger, message, then what the line is about (`extra`, and `context`).

    A stack trace is one escaped field, `trace`. A field that is None is left out.
    """

    def __init__(self, context: Callable[[], Mapping[str, object]] = dict) -> None:
        """``context`` gives the fields that the place of the call does not know, at each line."""
        super().__init__(fmt=_FIELDS, rename_fields=_NAMES, reserved_attrs=_NOT_SHOWN)
        self._context = context

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - logging's name
        """UTC, to the millisecond, with its offset."""
        return datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds")

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        """Lower the level's name, add the context, drop what is None."""
        line = {**log_data, "level": log_data["level"].lower(), **self._context()}
        return {name: value for name, value in line.items() if value is not None}


def log_json_lines(context: Callable[[], Mapping[str, object]] = dict) -> None:
    """Send every log of the process to stderr, warnings and exceptions that nobody caught among them."""
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
