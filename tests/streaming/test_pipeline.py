from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from streaming.pipeline import Pipeline

WELL: Any = SimpleNamespace(is_alive=lambda: True)
DEAD: Any = SimpleNamespace(is_alive=lambda: False, error=ConnectionError("no Redis"))


def test_a_pipeline_has_ended_when_any_of_its_parts_has() -> None:
    gone: Any = SimpleNamespace(name="lake", isActive=False, exception=lambda: None)
    assert Pipeline([], WELL, WELL, WELL).end_reason() is None
    assert Pipeline([gone], WELL, WELL, WELL).end_reason() == "query lake ended: no reason given"
    assert Pipeline([], DEAD, WELL, WELL).end_reason() == "online ended: ConnectionError('no Redis')"
    assert Pipeline([], WELL, DEAD, WELL).end_reason() == "catch-up ended: ConnectionError('no Redis')"
