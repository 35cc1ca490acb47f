"""Rows of a small lake, for the tests of experiments: exposures and interactions as pyarrow tables."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from contracts.experiments.assignment import Arms
from contracts.experiments.definition import Definition
from contracts.experiments.record import Experiment, define
from experiments.observations.rows import ExperimentRows

START, HOUR, DAY = 1_790_000_000_000, 3_600_000, 86_400_000
_ITEM = pa.struct(
    [("item_id", pa.string()), ("rank", pa.int32()), ("source", pa.string()), ("propensity", pa.float64())]
)
_EXPOSURES = pa.schema(
    [
        ("recommendation_id", pa.string()),
        ("kind", pa.string()),
        ("user_id", pa.string()),
        ("session_id", pa.string()),
        ("items", pa.list_(_ITEM)),
        ("model_version", pa.string()),
        ("arm", pa.string()),
        ("reported_by", pa.string()),
        ("event_time", pa.int64()),
    ]
)
_INTERACTIONS = pa.schema(
    [
        ("event_id", pa.string()),
        ("event_type", pa.string()),
        ("user_id", pa.string()),
        ("item_id", pa.string()),
        ("value", pa.float64()),
        ("event_time", pa.int64()),
        ("session_id", pa.string()),
        ("recommendation_id", pa.string()),
    ]
)


def running(arms: int = 2, **fields: Any) -> Experiment:
    """A running experiment with the arms a, b, ..."""
    shape = {"name": "e", "hypothesis": "h", "arms": [{"name": "abcdef"[place]} for place in range(arms)]}
    draft = define(Definition.model_validate(shape | fields), None, START - DAY)
    return draft.model_copy(update={"state": "running", "started_at": START})


def users_of(experiment: Experiment, arm: str, count: int) -> list[str]:
    """The first users that the experiment assigns to the arm."""
    arms, found = Arms(experiment), []
    number = 0
    while len(found) < count:
        assignment = arms.assign(f"u{number}")
        if assignment is not None and assignment.arm.name == arm:
            found.append(f"u{number}")
        number += 1
    return found


def exposure(user: str, arm: str, items: str, at: int, **fields: Any) -> dict[str, Any]:
    """One exposure of the items i, j, ... named by single letters."""
    named = [{"item_id": item, "rank": rank, "source": "als"} for rank, item in enumerate(items, 1)]
    row = {"recommendation_id": f"{user}@{at}", "user_id": user, "session_id": None, "items": named}
    row |= {"kind": "user"}
    return (
        row | {"model_version": "v1", "arm": f"e/1:{arm}", "reported_by": "answer", "event_time": at} | fields
    )


def interaction(user: str, item: str, at: int, event_type: str = "click", **fields: Any) -> dict[str, Any]:
    """One interaction."""
    row = {"event_id": f"{user}{item}{at}", "event_type": event_type, "user_id": user, "item_id": item}
    return row | {"value": 1.0, "event_time": at, "session_id": None, "recommendation_id": None} | fields


def rows(exposures: list[dict[str, Any]], interactions: list[dict[str, Any]]) -> ExperimentRows:
    """The rows as they are read from the lake."""
    return ExperimentRows(
        pa.Table.from_pylist(exposures, _EXPOSURES), pa.Table.from_pylist(interactions, _INTERACTIONS)
    )
