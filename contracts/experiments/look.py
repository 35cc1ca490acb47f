"""A look at a running experiment: the figures of its arms up to a moment, kept so that they can be drawn.

`headwater experiments watch` computes looks from the lake, the API keeps them and the page draws them over
time. The interval holds at every look, so looking often does no harm.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from contracts.experiments.record import Experiment

MAX_LOOKS = 1000  # of an experiment; the newest are kept
MAX_ARMS = 100
_DAY_MS = 86_400_000


# How long after its stop an experiment is still looked at: until the lake holds what was done before.
SETTLING_MS = 600_000


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class ArmLook(_Record):
    """One arm beside the control, in the primary metric."""

    arm: Annotated[str, Field(min_length=1, max_length=200)]
    users: Annotated[int, Field(ge=0)]
    lift: float | None = Field(
        None, description="0.05: 5 % more than the control; null where nothing is known"
    )
    low: float | None = Field(
        None, description="Lower bound of an interval that holds at every look; null: none"
    )
    high: float | None = Field(None, description="Its upper bound; null: none")


class Look(_Record):
    """What the arms of a run showed at a moment."""

    at: Annotated[int, Field(ge=0, description="Epoch milliseconds")]
    run: Annotated[int, Field(ge=1)] = 1
    arms: Annotated[tuple[ArmLook, ...], Field(max_length=MAX_ARMS)]


def is_watched(experiment: Experiment, now_ms: int) -> bool:
    """Whether reports on an experiment still change: it runs, or has just been stopped."""
    if experiment.state == "running":
        return True
    return experiment.stopped_at is not None and now_ms < experiment.stopped_at + SETTLING_MS


def least_gap_ms(planned_days: int) -> int:
    """The least time between two looks that are kept, so that MAX_LOOKS are enough for the planned days."""
    return planned_days * _DAY_MS // MAX_LOOKS


def is_kept(look: Look, kept: Sequence[Look], planned_days: int) -> bool:
    """Whether a look is kept after those before it: the first of a run, or long enough after the last one."""
    before = [each.at for each in kept if each.run == look.run]
    return not before or look.at - max(before) >= least_gap_ms(planned_days)
