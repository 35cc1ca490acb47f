"""POST /v1/exposures: a client reports which lists came onto the screen."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from contracts.events import from_future
from contracts.exposures import MAX_SHOWN_ITEMS, Arm, Exposure, ListKind, ShownItem
from contracts.recommendation_id import RecommendationId, digest
from contracts.settings import ServingSettings
from serving.admission.early_checks import CheckedRoute
from serving.exposures.log import ExposureLog
from serving.http.access import access
from serving.memory.experiments import ExperimentsInForce
from serving.question.bounds import JsonId
from serving.routes.events import Rejected
from serving.telemetry.metrics import Metrics

MAX_EXPOSURES = 1000
_FORGED = "recommendation_id: no answer of this API for this user, model and arm has it"


class ItemOnScreen(BaseModel):
    """One item in its place."""

    model_config = ConfigDict(extra="forbid")

    item_id: JsonId
    rank: Annotated[int, Field(ge=1, le=1_000_000, description="In the list, from 1")]
    source: Annotated[str, Field(max_length=64)] = ""


class OnScreen(BaseModel):
    """What was shown of one answer. Told again, or in parts as a user scrolls, each item counts once."""

    model_config = ConfigDict(extra="forbid")

    recommendation_id: JsonId = Field(description="As in the answer")
    items: Annotated[list[ItemOnScreen], Field(min_length=1, max_length=MAX_SHOWN_ITEMS)]
    user_id: JsonId | None = Field(None, description="As in the answer; absent for a list of no user")
    session_id: JsonId | None = None
    model_version: Annotated[str, Field(max_length=128)] | None = Field(None, description="As in the answer")
    arm: Arm | None = Field(
        None, description="As in the answer; if absent, that of the running experiments, if the answer had it"
    )
    kind: ListKind = "other"
    event_time: Annotated[int, Field(ge=0)] | None = Field(
        None, description="Epoch milliseconds; now if absent. A time before the answer counts as the answer's"
    )


class OnScreens(BaseModel):
    """What was shown of several answers."""

    model_config = ConfigDict(extra="forbid")

    exposures: Annotated[list[OnScreen], Field(min_length=1, max_length=MAX_EXPOSURES)]


class TakenExposures(BaseModel):
    """What was taken; it reaches the lake within a minute, unless it finds no room (/metrics counts that)."""

    accepted: int
    rejected: list[Rejected]


def routes(
    settings: ServingSettings, exposures: ExposureLog, metrics: Metrics, experiments: ExperimentsInForce
) -> APIRouter:
    """The one route."""
    router = APIRouter(route_class=CheckedRoute, tags=["events"], dependencies=access(settings, "write"))

    @router.post("/v1/exposures", status_code=202)
    async def post_exposures(body: OnScreens) -> TakenExposures:
        """Takes what was really on the screen; its word counts before that of the answer itself.

        An id that this API has not issued to the user is refused and counted.
        """
        now_ms = time.time_ns() // 1_000_000
        taken: list[str] = []
        rejected: list[Rejected] = []
        for index, shown in enumerate(body.exposures):
            named = exposures.ids.read(shown.recommendation_id)
            if named is None or not _is_of(named, shown):
                metrics.recommendation_ids.labels("forged").inc()
                rejected.append(Rejected(index=index, reason=_FORGED))
            elif from_future(shown.event_time or 0, now_ms):
                reason = "event_time: lies more than 5 minutes in the future"
                rejected.append(Rejected(index=index, reason=reason))
            else:
                metrics.recommendation_ids.labels("genuine").inc()
                arm = await _arm_of(named, shown, experiments)
                taken.append(_exposure_of(shown, arm, named, now_ms).to_json())
        exposures.add(*taken)
        return TakenExposures(accepted=len(taken), rejected=rejected)

    return router


def _is_of(named: RecommendationId, shown: OnScreen) -> bool:
    version, arm = shown.model_version, shown.arm
    return (
        named.is_of(shown.user_id or "")
        and (version is None or named.version == digest(version, 6))
        and (arm is None or named.arm == digest(arm, 4))
    )


async def _arm_of(named: RecommendationId, shown: OnScreen, experiments: ExperimentsInForce) -> str:
    """The arm of the answer, also where the client does not name it: experiments count by it."""
    if shown.arm is not None or named.arm == digest("", 4):
        return shown.arm or ""
    arm = (await experiments.treatment(shown.user_id, shown.session_id)).arm
    return arm if named.arm == digest(arm, 4) else ""


def _exposure_of(shown: OnScreen, arm: str, named: RecommendationId, now_ms: int) -> Exposure:
    return Exposure(
        recommendation_id=shown.recommendation_id,
        kind=shown.kind,
        user_id=shown.user_id,
        session_id=shown.session_id,
        items=tuple(
            ShownItem(item_id=item.item_id, rank=item.rank, source=item.source) for item in shown.items
        ),
        model_version=shown.model_version,
        arm=arm,
        reported_by="client",
        event_time=now_ms if shown.event_time is None else max(shown.event_time, named.at_ms),
    )
