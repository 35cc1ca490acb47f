"""/v1/experiments: A/B tests of configurations, defined, started and stopped."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from contracts.experiments.definition import Definition
from contracts.experiments.look import Look
from contracts.experiments.record import Experiment
from contracts.experiments.report import KeptReport
from contracts.settings import ServingSettings
from serving.admission.early_checks import CheckedRoute
from serving.http.access import access
from serving.question.bounds import PathId
from serving.redis.store import Store
from serving.writes import experiment_looks
from serving.writes import experiments as writes


class Stop(BaseModel):
    """Why something is stopped."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(min_length=1, max_length=2000)] = "by hand"


class Experiments(BaseModel):
    """Every experiment, the newest first."""

    experiments: list[Experiment]


class Change(BaseModel):
    """A change of an experiment."""

    at: str
    by: str
    action: str
    experiment: str
    reason: str


class Changes(BaseModel):
    """Every change that is kept, the newest last."""

    changes: list[Change]


class Looks(BaseModel):
    """What the arms of a run showed over time, oldest first."""

    looks: list[Look]


def routes(settings: ServingSettings, store: Store) -> APIRouter:
    """The routes of experiments; all need the admin key where one is set."""
    router = APIRouter(route_class=CheckedRoute, tags=["experiments"], dependencies=access(settings, "admin"))

    @router.get("/v1/experiments")
    async def list_experiments() -> Experiments:
        """Every experiment with its definition and its state."""
        return Experiments(experiments=await writes.experiments(store))

    @router.post("/v1/experiments", status_code=201)
    async def define_experiment(definition: Definition) -> Experiment:
        """Define an experiment, as a draft; 409 while one of this name runs.

        A name that was stopped begins its next run, with another salt, so that it assigns independently.
        """
        return await writes.define_experiment(store, definition)

    @router.get("/v1/experiment-changes")
    async def list_changes() -> Changes:
        """Who changed which experiment, when and why."""
        return Changes(changes=[Change(**line._asdict()) for line in await writes.audit(store)])

    @router.post("/v1/experiments/{name}/arms/{arm}/stop")
    async def stop_arm(name: PathId, arm: PathId, stop: Stop) -> Experiment:
        """Stop one arm: its users leave the experiment."""
        return await writes.stop_one_arm(store, name, arm, stop.reason)

    @router.get("/v1/experiments/{name}/looks")
    async def list_looks(name: PathId) -> Looks:
        """The lifts of the present run's arms over time, with intervals that hold at every look."""
        return Looks(looks=await experiment_looks.looks(store, name))

    @router.post("/v1/experiments/{name}/looks", status_code=204)
    async def keep_look(name: PathId, look: Look) -> None:
        """Keep a look; `headwater experiments watch` sends them. Looks that come too often are left out."""
        await experiment_looks.keep_look(store, name, look)

    @router.get("/v1/experiments/{name}/report")
    async def get_report(name: PathId) -> KeptReport:
        """The newest report on the present run: figures, intervals, practices and the decision.

        404 until one was made; `headwater up` makes one every GUARDRAILS_EVERY_SECONDS.
        """
        return await experiment_looks.newest_report(store, name)

    @router.put("/v1/experiments/{name}/report", status_code=204)
    async def keep_report(name: PathId, report: KeptReport) -> None:
        """Keep a report; `headwater experiments report` and `watch` send theirs."""
        await experiment_looks.keep_report(store, name, report)

    @router.post("/v1/experiments/{name}/start")
    async def start_experiment(name: PathId) -> Experiment:
        """Start a draft; every API process assigns users within a second.

        409 where another running experiment changes the same, or an arm's version is missing.
        """
        return await writes.start_experiment(store, name)

    @router.post("/v1/experiments/{name}/stop")
    async def stop_experiment(name: PathId, stop: Stop) -> Experiment:
        """Stop it; answers are at once as they were without it."""
        return await writes.stop_experiment(store, name, stop.reason)

    @router.get("/v1/experiments/{name}")
    async def get_experiment(name: PathId) -> Experiment:
        """One experiment with its definition and its state."""
        return await writes.experiment(store, name)

    @router.delete("/v1/experiments/{name}", status_code=204)
    async def delete_experiment(name: PathId) -> None:
        """Forget an experiment that does not run."""
        await writes.delete_experiment(store, name)

    return router
