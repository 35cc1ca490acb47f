"""A new version's manifest, as far as it is known before the final fit."""

from __future__ import annotations

import secrets
from datetime import datetime, timezone

from contracts.settings import TrainingSettings
from contracts.stored.manifest import FitRecord, GateRecord, HistoryPoint, Manifest
from training.rounds.gate import Assessment
from training.rounds.inputs import RoundInputs
from training.rounds.parameters import recorded_parameters

_HISTORY = 50  # how many versions' figures a manifest holds


def describe(settings: TrainingSettings, inputs: RoundInputs, assessment: Assessment) -> Manifest:
    """The manifest, except what is known only at publication: lists, sizes, checksums, timings."""
    now, counts, decision = datetime.now(timezone.utc), inputs.data.counts, assessment.decision
    champion = inputs.champion.manifest if inputs.champion else None
    version = f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"
    sparsity = 1 - counts.pairs / (counts.users * counts.items)
    return Manifest(
        version=version,
        created_at=now.isoformat(timespec="seconds"),
        lake_version=inputs.data.lake_version,
        catalog_through=inputs.erasures.catalog_through,
        seed=settings.seed,
        parameters=recorded_parameters(settings),
        metrics=dict(assessment.metrics),
        counts=counts.with_parts(sparsity=round(sparsity, 6)),
        fit=_describe_fit(assessment, counts.interactions, champion),
        gate=GateRecord(
            publish=decision.publish,
            leads=decision.leads,
            reason=decision.reason,
            differences={
                rival: (figure.mean, figure.low, figure.high)
                for rival, figure in decision.differences.items()
            },
        ),
        evaluation=assessment.evaluation,
        history=_learning_curve(champion, version, assessment.metrics, settings.metrics_k),
        previous=inputs.served_version,
    )


def _describe_fit(assessment: Assessment, interactions: int, champion: Manifest | None) -> FitRecord:
    """How the version is fitted; from it the next round sees how long ago the last full fit was."""
    if not assessment.warm:
        return FitRecord(warm=False, why=assessment.fit_reason, warm_rounds=0, full_interactions=interactions)
    assert champion is not None
    assert champion.fit is not None
    return FitRecord(
        warm=True,
        why=assessment.fit_reason,
        warm_rounds=champion.fit.warm_rounds + 1,
        full_interactions=champion.fit.full_interactions,
    )


def _learning_curve(
    champion: Manifest | None, version: str, metrics: dict[str, float | None], k: int
) -> tuple[HistoryPoint, ...]:
    """The quality over versions, for the report."""
    point = HistoryPoint(
        version=version, ndcg=metrics.get(f"ndcg@{k}"), popularity=metrics.get(f"popularity_ndcg@{k}")
    )
    earlier = champion.history[-_HISTORY + 1 :] if champion else ()
    return (*earlier, point)
