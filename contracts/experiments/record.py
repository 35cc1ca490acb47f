"""The stored record of an experiment, and the steps of its life: draft, running, stopped.

The record is JSON in the hash keyspace.EXPERIMENTS. ``format`` counts its incompatible changes: a record of
an earlier format is migrated while it is read, one of a later format is refused with a sentence.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from contracts.experiments.definition import Definition

FORMAT = 1
MAX_RUNNING, MAX_EXPERIMENTS = 10, 500
State = Literal["draft", "running", "stopped"]


class ExperimentError(ValueError):
    """A step that this experiment cannot take; the message says why, and what to do."""


class StoppedArm(BaseModel):
    """An arm that gets no more users, since when, and why."""

    model_config = ConfigDict(frozen=True)

    arm: str
    at: int  # epoch ms
    reason: str


class Experiment(BaseModel):
    """An experiment with its life so far. Times are epoch milliseconds."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    definition: Definition
    state: State = "draft"
    run: int = 1  # counts the runs of this name, also those of an experiment that was deleted
    created_at: int
    started_at: int | None = None
    stopped_at: int | None = None
    stop_reason: str = ""
    stopped_arms: tuple[StoppedArm, ...] = ()

    @property
    def name(self) -> str:
        """The experiment's name."""
        return self.definition.name

    @property
    def salt(self) -> str:
        """The salt of the hash of a unit. Each run has another one, so it assigns units independently."""
        return f"{self.name}/{self.run}"

    @property
    def last_run(self) -> int:
        """The number of the last run of this name that started; 0 where none did."""
        return self.run - (self.state == "draft")

    def to_json(self) -> str:
        """The text that is stored."""
        return json.dumps({"format": FORMAT} | self.model_dump(mode="json"), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> Experiment:
        """Read a record of this or an earlier format. Raises ExperimentError."""
        try:
            fields = json.loads(text)
            written_format = fields.pop("format", 0)
            if written_format > FORMAT:
                raise ExperimentError(
                    f"An experiment has format {written_format}, and this Headwater reads formats up to "
                    f"{FORMAT}: a newer Headwater wrote it, so update this one"
                )
            for migrate in _MIGRATIONS[written_format:]:
                fields = migrate(fields)
            return cls.model_validate(fields)
        except (ValidationError, AttributeError, TypeError, json.JSONDecodeError) as error:
            raise ExperimentError(f"The record of an experiment is damaged ({error})") from error


def define(definition: Definition, existing: Experiment | None, now_ms: int, last_run: int = 0) -> Experiment:
    """A draft of the definition: new, in place of a draft, or the next run of a stopped experiment.

    ``last_run`` is the number of the last run of this name that is remembered: an experiment that was deleted
    counts on, because with an old number it would assign the users as before.
    Raises ExperimentError for an experiment that runs.
    """
    if existing is not None and existing.state == "running":
        raise ExperimentError(
            f"{existing.name} is running, and a change would make its figures worthless: stop it, define it "
            "again and start the next run"
        )
    before = max(last_run, 0 if existing is None else existing.last_run)
    return Experiment(definition=definition, run=before + 1, created_at=now_ms)


def start(experiment: Experiment, others: Iterable[Experiment], now_ms: int) -> Experiment:
    """The experiment in the state "running". Raises ExperimentError where it cannot start beside others."""
    if experiment.state != "draft":
        raise ExperimentError(f"{experiment.name} is {experiment.state}: define it again for another run")
    changed = experiment.definition.changed_parameters()
    running = [other for other in others if other.state == "running" and other.name != experiment.name]
    if len(running) >= MAX_RUNNING:
        raise ExperimentError(f"{MAX_RUNNING} experiments are running: stop one of them first")
    for other in running:
        shared = sorted(changed & other.definition.changed_parameters())
        if shared:
            raise ExperimentError(
                f"{other.name} is running and changes {', '.join(shared)} too, so neither could be told from "
                f"the other: stop {other.name} first"
            )
    return experiment.model_copy(update={"state": "running", "started_at": now_ms})


def stop(experiment: Experiment, reason: str, now_ms: int) -> Experiment:
    """The experiment in the state "stopped". Raises ExperimentError where it does not run."""
    if experiment.state != "running":
        raise ExperimentError(f"{experiment.name} is {experiment.state}, not running")
    return experiment.model_copy(update={"state": "stopped", "stopped_at": now_ms, "stop_reason": reason})


def stop_arm(experiment: Experiment, arm: str, reason: str, now_ms: int) -> Experiment:
    """The experiment with one more arm stopped; stopped as a whole where only the control is left.

    Raises ExperimentError for the control, for an unknown or a stopped arm, and where the experiment does not
    run.
    """
    names = [each.name for each in experiment.definition.arms]
    stopped = {each.arm for each in experiment.stopped_arms}
    if experiment.state != "running":
        raise ExperimentError(f"{experiment.name} is {experiment.state}, not running")
    if arm not in names:
        raise ExperimentError(f"{experiment.name} has no arm {arm!r}; it has {', '.join(names)}")
    if arm == names[0]:
        raise ExperimentError(f"{arm} is the control: stop the whole experiment")
    if arm in stopped:
        raise ExperimentError(f"The arm {arm} is stopped already")
    stopped_arms = (*experiment.stopped_arms, StoppedArm(arm=arm, at=now_ms, reason=reason))
    changed = experiment.model_copy(update={"stopped_arms": stopped_arms})
    if {each.arm for each in stopped_arms} == set(names[1:]):
        return stop(changed, f"its last arm beside the control was stopped: {reason}", now_ms)
    return changed


# The step at place n reads format n and returns format n + 1.
_MIGRATIONS: tuple[Callable[[dict[str, Any]], dict[str, Any]], ...] = (lambda fields: fields,)
