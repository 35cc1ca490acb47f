"""One training round as a sentence: load, fit on the past, measure, decide, fit on all, rank, publish."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from typing import Any

from pyspark.sql import SparkSession

from contracts.settings import TrainingSettings
from contracts.stored.memory import version_bytes
from training.data import dataset
from training.data.load import Learnt, load
from training.fit.als import Factors, Problem, full_fit, ranking, rating
from training.fit.factors import Matrix, factors_frame
from training.fit.gramian import gramian
from training.fit.warm import may_be_warm, warm_fit
from training.lists import items as lists
from training.lists import segments
from training.lists import writer as list_writer
from training.lists.users import Kept, write_user_lists
from training.registry import model_folder
from training.registry.model_folder import Fit
from training.registry.outcome import DamagedModelError, Manifest, Outcome
from training.registry.publish import Publisher
from training.rounds import erasure
from training.rounds.assess import Assessment, assess
from training.rounds.start import Start, load_champion, start_from

log = logging.getLogger("headwater.training")


@dataclass
class Round:
    """What a round has learnt about itself so far."""

    spark: SparkSession
    settings: TrainingSettings
    publisher: Publisher
    on_phase: Callable[[str], None]
    timings: dict[str, float] = field(default_factory=dict)
    erasures: erasure.Seen = erasure.NOTHING_SEEN

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time a phase and tell who watches."""
        self.on_phase(name)
        started = time.monotonic()
        yield
        self.timings[name] = round(time.monotonic() - started, 3)


def train(run: Round) -> tuple[Outcome, Manifest | None]:
    """Train on the newest version of the lake and publish; the manifest is None where nothing was fitted."""
    settings = run.settings
    expected, champion = run.publisher.current()
    with run.phase("load"):
        run.erasures = erasure.seen(run.publisher)  # before the lake is read
        version = dataset.newest_version(run.spark, settings.lake_uri)
        if version is not None and champion is not None and version < champion["lake_version"]:
            return "refused_older", None
        before = _champion(run, champion)
        known_items = before.items if before and settings.warm_rounds else None
        learnt = load(run.spark, settings, version, known_items) if version is not None else None
        if learnt is None:
            return "not_enough_data", None
        run.publisher.check_budget(version_bytes(learnt.world), settings.redis_memory_budget)
        start = start_from(before, champion, learnt) if before and champion else None
    try:
        return _fit_and_publish(run, learnt, start, expected)
    finally:
        learnt.release()


def _champion(run: Round, champion: Manifest | None) -> Fit | None:
    try:
        return load_champion(run.spark, run.settings.models_uri, champion)
    except DamagedModelError as error:
        log.warning("%s", error)
        return None


def _fit_and_publish(
    run: Round, learnt: Learnt, start: Start | None, expected: str | None
) -> tuple[Outcome, Manifest | None]:
    champion = start.manifest if start else None
    warmth = may_be_warm(champion, parameters(run.settings), learnt.counts["interactions"], run.settings)
    with run.phase("measure"):
        assessed = assess(run.settings, learnt, start, warmth.warm)
    version = _new_version()
    fitted = _fitted(assessed, assessed.why_not_warm or warmth.reason, learnt, champion)
    manifest = _manifest(run, learnt, version, assessed, fitted, champion, expected)
    if not assessed.decision.publish:
        run.publisher.record("refuse", expected, version, assessed.decision.reason)
        return "refused_by_gate", manifest
    run.publisher.begin(version)  # before its first file, so that the next round finds what a killed one left
    try:
        with run.phase("fit"):
            fit, items, rating_items = _fit_all(run, learnt, version, assessed, start)
        with run.phase("publish"):
            kept = _kept(run, start if assessed.warm else None)
            manifest["lists"] = _write_lists(run, learnt, fit, items, version, kept)
            if rating_items is not None:
                run.publisher.write_rating_factors(version, rating_items)
            erasure.leave_out_erased(run.publisher, version, run.erasures)
        manifest["sizes"] = run.publisher.sizes(version)
        manifest["checksums"] = model_folder.checksums(run.spark, run.settings.models_uri, version)
        model_folder.write_manifest(run.spark, run.settings.models_uri, version, manifest)
        promoted = run.publisher.promote(version, manifest, expected)
    except Exception:
        _discard(run, version)
        raise
    if not promoted:
        _discard(run, version)
        return "lost_race", manifest
    for old in run.publisher.superseded(version, run.settings.keep_versions):
        _discard(run, old)
    return "published", manifest


def _fit_all(
    run: Round, learnt: Learnt, version: str, assessed: Assessment, start: Start | None
) -> tuple[Fit, Matrix, Matrix | None]:
    """Fit on everything, what was held out too, and write the version's folder.

    Also the item factors of the ranking model, and of the rating model where there are ratings.
    """
    settings, spark = run.settings, run.spark
    warm = start if assessed.warm else None
    ranked = _fit(learnt, ranking(settings), warm.items if warm else None, settings.seed)
    rated = None
    if learnt.counts["ratings"]:
        rated = _fit(learnt, rating(settings), warm.rating_items if warm else None, settings.seed)
    fit = Fit(
        learnt.users,
        learnt.items,
        ranked.users,
        factors_frame(spark, ranked.items),
        rated.users if rated else None,
        factors_frame(spark, rated.items) if rated else None,
        *(_frame(spark, found) for found in (assessed.item_factors, assessed.rating_item_factors)),
    )
    saved = model_folder.save(spark, settings.models_uri, version, fit)
    for factors in (ranked, rated):
        if factors is not None:
            factors.release()
    return saved, ranked.items, rated.items if rated else None


def _frame(spark: SparkSession, factors: Matrix | None) -> Any:
    return None if factors is None else factors_frame(spark, factors)


def _fit(learnt: Learnt, problem: Problem, start: Matrix | None, seed: int) -> Factors:
    if start is None:
        return full_fit(learnt.preferences, problem, learnt.counts["items"], learnt.blocks, seed)
    return warm_fit(learnt.preferences, problem, start, learnt.counts["users"], learnt.blocks)


def _kept(run: Round, warm: Start | None) -> Kept | None:
    """Whose lists stay where they are as good: the champion's, in a warm round that numbers items alike."""
    if warm is None or not warm.same_indexes or not run.settings.list_tolerance:
        return None
    return Kept(warm.manifest["version"], run.settings.list_tolerance)


def _write_lists(
    run: Round, learnt: Learnt, fit: Fit, items: Matrix, version: str, kept: Kept | None
) -> dict[str, int]:
    """Everything that is read of a version; how many users' lists were written and how many kept."""
    publisher, rank = run.publisher, items.shape[1]
    publisher.write_items(version, model_folder.item_ids(fit.items))
    publisher.write_factors(version, items, gramian(fit.user_factors, rank))
    n = run.settings.top_n
    written = write_user_lists(publisher, version, fit, learnt.preferences, items, n, kept)
    list_writer.write_similar(publisher, version, lists.similar_items(fit, items))
    top_users = lists.top_users(fit, learnt.preferences, learnt.counts["users"], rank)
    list_writer.write_top_users(publisher, version, top_users)
    settings = run.settings
    members = segments.members(run.spark, settings.lake_uri, settings.segment_attributes)
    if members is not None:
        bounds = settings.top_n, settings.segment_min_users
        of_segments = segments.segment_lists(members, learnt.users, learnt.preferences, *bounds)
        list_writer.write_segments(publisher, version, of_segments)
    return written._asdict()


def _fitted(assessed: Assessment, reason: str, learnt: Learnt, champion: Manifest | None) -> dict[str, Any]:
    """How the version was fitted: the next round reads how far it is from the last full fit."""
    if not assessed.warm:
        return {
            "warm": False,
            "why": reason,
            "warm_rounds": 0,
            "full_interactions": learnt.counts["interactions"],
        }
    assert champion is not None
    before = champion["fit"]
    return {**before, "warm": True, "why": reason, "warm_rounds": before["warm_rounds"] + 1}


def _manifest(
    run: Round,
    learnt: Learnt,
    version: str,
    assessed: Assessment,
    fitted: dict[str, Any],
    champion: Manifest | None,
    previous: str | None,
) -> Manifest:
    counts = learnt.counts
    sparsity = 1 - counts["pairs"] / (counts["users"] * counts["items"])
    return {
        "version": version,
        "created_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "lake_version": learnt.lake_version,
        "catalog_through": run.erasures.catalog_through,
        "seed": run.settings.seed,
        "parameters": parameters(run.settings),
        "metrics": assessed.metrics,
        "counts": {**counts, "sparsity": round(sparsity, 6)},
        "fit": fitted,
        "gate": asdict(assessed.decision),
        "evaluation": assessed.evaluation,
        "history": _history(champion, version, assessed.metrics, run.settings.metrics_k),
        "timings": run.timings,
        "previous": previous,
    }


def _history(
    champion: Manifest | None, version: str, metrics: dict[str, float], k: int
) -> list[dict[str, Any]]:
    """The learning curve over versions, for the report."""
    mine = {"version": version, "ndcg": metrics.get(f"ndcg@{k}")}
    mine["popularity"] = metrics.get(f"popularity_ndcg@{k}")
    return [*(champion or {}).get("history", [])[-_HISTORY + 1 :], mine]


def parameters(settings: TrainingSettings) -> dict[str, Any]:
    """As JSON has them: the keys of rating_strengths are text."""
    recorded = settings.model_dump(mode="json")
    return {name: value for name, value in recorded.items() if name.startswith(_RECORDED)}


_RECORDED = (
    *("als_", "explicit_", "rating_strengths", "event_weights"),
    *("cold_start", "positive_rating", "holdout_fraction", "top_n"),
)


_HISTORY = 50  # versions whose figures a manifest carries


def _new_version() -> str:
    return f"{datetime.now(timezone.utc):%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"


def _discard(run: Round, version: str) -> None:
    run.publisher.delete(version)
    model_folder.delete(run.spark, run.settings.models_uri, version)
