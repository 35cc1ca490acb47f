"""One training round as a sentence: load, split, fit, measure, fit on all, rank, publish."""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from contracts.memory import World, version_bytes
from contracts.settings import TrainingSettings
from training import dataset, list_writer, lists, model_folder
from training.dense_ids import dense_ids, with_indexes
from training.fit import fit_ranking, fit_rating
from training.gramian import gramian
from training.measure import ranking_metrics, rating_metrics
from training.model_folder import Fit
from training.outcome import Manifest, Outcome
from training.publish import Publisher
from training.ranked_lists import matrix
from training.split import per_user_temporal


@dataclass
class Round:
    """What a round has learnt about itself so far."""

    spark: SparkSession
    settings: TrainingSettings
    publisher: Publisher
    on_phase: Callable[[str], None]
    timings: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time a phase and tell who watches."""
        self.on_phase(name)
        started = time.monotonic()
        yield
        self.timings[name] = round(time.monotonic() - started, 3)


@dataclass(frozen=True)
class Learnt:
    """The pinned data of a round, by dense index, and its size."""

    preferences: DataFrame
    users: DataFrame
    items: DataFrame
    counts: dict[str, int]
    lake_version: int
    world: World


def train(run: Round) -> tuple[Outcome, Manifest | None]:
    """Train on the newest version of the lake and publish; the manifest is None where nothing was fitted."""
    expected, champion = run.publisher.current()
    with run.phase("load"):
        learnt = _load(run)
    if learnt is None:
        return "not_enough_data", None
    if champion is not None and learnt.lake_version < champion["lake_version"]:
        return "refused_older", None
    with run.phase("measure"):
        metrics = _measure(run, learnt)
    version = _new_version()
    with run.phase("fit"):
        fit = _fit_all(run, learnt, version)
    with run.phase("publish"):
        try:
            _write_lists(run, learnt, fit, version)
        except Exception:
            _discard(run, version)
            raise
    manifest = _manifest(run, learnt, version, metrics, expected)
    model_folder.write_manifest(run.spark, run.settings.models_uri, version, manifest)
    promoted = run.publisher.promote(version, manifest, expected)
    if not promoted:
        _discard(run, version)
        return "lost_race", manifest
    _prune(run, version)
    return "published", manifest


def _load(run: Round) -> Learnt | None:
    settings = run.settings
    version = dataset.newest_version(run.spark, settings.lake_uri)
    if version is None:
        return None
    interactions = dataset.read_interactions(run.spark, settings.lake_uri, version)
    writers = dataset.last_writers(interactions)
    rows = dataset.preferences(writers, settings, settings.positive_rating).persist()
    row = rows.agg(
        F.count(F.lit(1)).alias("pairs"),
        F.count("rating").alias("ratings"),
        F.count_if(F.col("strength") > 0).alias("liked"),
        F.avg(F.octet_length("user_id")).alias("user_size"),
        F.avg(F.octet_length("item_id")).alias("item_size"),
    ).collect()[0]
    if row["pairs"] < settings.train_min_events or not row["liked"]:
        rows.unpersist()
        return None
    users, items = dense_ids(rows, "user_id", "user_index"), dense_ids(rows, "item_id", "item_index")
    indexed = with_indexes(rows, users, items).persist()
    counts = {
        "users": users.count(),
        "items": items.count(),
        "interactions": interactions.count(),
        "pairs": int(row["pairs"]),
        "ratings": int(row["ratings"]),
    }
    world = World(
        users=counts["users"],
        items=counts["items"],
        interactions=counts["pairs"],
        n=settings.top_n,
        rank=settings.als_rank,
        shards=settings.redis_shards,
        user_size=math.ceil(row["user_size"]),
        item_size=math.ceil(row["item_size"]),
    )
    return Learnt(indexed, users, items, counts, version, world)


def _measure(run: Round, learnt: Learnt) -> dict[str, float]:
    settings = run.settings
    train_rows, test = per_user_temporal(learnt.preferences, settings.holdout_fraction)
    train_rows, test = train_rows.persist(), test.persist()
    ranking = fit_ranking(train_rows, settings)
    metrics = ranking_metrics(ranking, train_rows, test, learnt.counts["items"], settings.metrics_k)
    ratings = train_rows.filter("rating IS NOT NULL")
    if not ratings.isEmpty():
        metrics = rating_metrics(fit_rating(ratings, settings), test) | metrics
    train_rows.unpersist()
    test.unpersist()
    return metrics


def _fit_all(run: Round, learnt: Learnt, version: str) -> Fit:
    ranking = fit_ranking(learnt.preferences, run.settings)
    rated = learnt.preferences.filter("rating IS NOT NULL")
    rating = None if not learnt.counts["ratings"] else fit_rating(rated, run.settings)
    fit = Fit(
        learnt.users,
        learnt.items,
        ranking.userFactors,
        ranking.itemFactors,
        rating.userFactors if rating else None,
        rating.itemFactors if rating else None,
    )
    return model_folder.save(run.spark, run.settings.models_uri, version, fit)


def _write_lists(run: Round, learnt: Learnt, fit: Fit, version: str) -> None:
    publisher, counts = run.publisher, learnt.counts
    publisher.check_budget(version_bytes(learnt.world), run.settings.redis_memory_budget)
    item_matrix = matrix(fit.item_factors, counts["items"])
    publisher.begin(version)
    ids = fit.items.orderBy("item_index").select("item_id").toArrow()["item_id"].to_pylist()
    publisher.write_items(version, ids)
    publisher.write_factors(version, item_matrix, gramian(fit.user_factors, item_matrix.shape[1]))
    top_n = lists.top_items(fit, learnt.preferences, item_matrix, run.settings.top_n)
    list_writer.write_top_n(publisher, version, top_n)
    list_writer.write_similar(publisher, version, lists.similar_items(fit, item_matrix))
    list_writer.write_top_users(publisher, version, lists.top_users(fit, learnt.preferences, counts["users"]))


def _manifest(
    run: Round, learnt: Learnt, version: str, metrics: dict[str, float], previous: str | None
) -> Manifest:
    counts = learnt.counts
    sparsity = 1 - counts["pairs"] / (counts["users"] * counts["items"])
    return {
        "version": version,
        "created_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "lake_version": learnt.lake_version,
        "seed": run.settings.seed,
        "parameters": _parameters(run.settings),
        "metrics": metrics,
        "counts": {**counts, "sparsity": round(sparsity, 6)},
        "timings": run.timings,
        "previous": previous,
    }


def _parameters(settings: TrainingSettings) -> dict[str, Any]:
    """As JSON has them: the keys of rating_strengths are text."""
    recorded = settings.model_dump(mode="json")
    return {name: value for name, value in recorded.items() if name.startswith(_RECORDED)}


_RECORDED = (
    *("als_", "explicit_", "rating_strengths", "event_weights"),
    *("cold_start", "positive_rating", "holdout_fraction", "top_n"),
)


def _new_version() -> str:
    return f"{datetime.now(timezone.utc):%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"


def _prune(run: Round, own: str) -> None:
    """Delete the versions begun before ours, but for the newest KEEP_VERSIONS that were served.

    One begun later belongs to a trainer at work: it is not ours to judge.
    """
    _, manifest = run.publisher.current()
    kept = {own}
    while manifest and manifest["previous"] and len(kept) < run.settings.keep_versions:
        kept.add(manifest["previous"])
        manifest = run.publisher.manifest_of(manifest["previous"])
    for version in run.publisher.versions_before(own):
        if version not in kept:
            _discard(run, version)


def _discard(run: Round, version: str) -> None:
    run.publisher.delete(version)
    model_folder.delete(run.spark, run.settings.models_uri, version)
