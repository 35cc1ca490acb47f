"""How a training round can end."""

from __future__ import annotations

from typing import Any, Literal

Outcome = Literal["published", "not_enough_data", "refused_by_gate", "lost_race", "refused_older"]
Manifest = dict[str, Any]  # parameters, metrics, counts, lake version, timings: see round.py


class TrainingError(RuntimeError):
    """A round that could not end; its text names the cure. The old model stays served."""


class DamagedModelError(TrainingError):
    """A version's files are not those that were written."""
