"""Logs as JSON, one line each, whatever text is in them."""

from __future__ import annotations

import json
import logging
from datetime import datetime, timezone

from serving.telemetry.request_id import request_id


class JsonLines(logging.Formatter):
    """time, level, logger, message, and what they are about: request_id, event_ids.

    A stack trace is one escaped field.
    """

    def format(self, record: logging.LogRecord) -> str:
        """One line: JSON escapes every control character."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        about = {"request_id": request_id(), "event_ids": getattr(record, "event_ids", None)}
        line |= {name: value for name, value in about.items() if value is not None}
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line)


def log_to_stderr() -> None:
    """Send every log of the process to stderr."""
    target = logging.StreamHandler()
    target.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[target], force=True)
