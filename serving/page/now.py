"""The view "Now": one picture of the service, from what this process holds in memory."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import TypedDict

from prometheus_client.registry import Collector

from serving.answer.recommender import Recommender
from serving.answer.strategies.popular import SOURCE
from serving.answer.strategies.strategy import list_strategy
from serving.memory.process_memory import ProcessMemory
from serving.memory.service_figures import ServiceFigures
from serving.memory.state_health import StateHealth
from serving.page.alarms import RingingAlarm, ringing
from serving.page.rising import Rising, rising
from serving.question.candidate import Candidate
from serving.redis.reads.model import current_version
from serving.redis.store import StoreError
from serving.telemetry.metrics import Metrics

SHOWN = 10
LEAST_SHOWN = 0.05
_LEAST_RISING = 3600
_PREFIX = "headwater_"


class ShownItem(TypedDict):
    """An item of a list that is the same for everyone."""

    item_id: str
    title: str | None
    score: float


class RisingItem(TypedDict):
    """An item with a greater share of the events than usual."""

    item_id: str
    title: str | None
    times: float | None  # its usual share; None: no events before


class Now(TypedDict):
    """One picture. ``figures`` has the names of /metrics without the prefix, since the process began."""

    time_ms: int
    redis: str  # "ok", or why it does not answer, or why answers are stale although it does
    model_version: str | None
    figures: dict[str, float]
    freshness: list[tuple[float | None, float]]  # upper bound in seconds (None: no bound), answers so far
    alarms: list[RingingAlarm]
    trending: list[ShownItem]
    rising: list[RisingItem]
    popular: list[ShownItem]


async def picture(
    recommender: Recommender,
    memory: ProcessMemory,
    health: StateHealth,
    figures: ServiceFigures,
    metrics: Metrics,
) -> Now:
    """The picture now: one small read of Redis, the rest from memory."""
    redis, version, is_answered = "ok", None, True
    try:
        version = await current_version(memory.store)
        redis = health.reason or redis
    except StoreError as error:
        redis, is_answered = str(error), False
    now_ms = time.time_ns() // 1_000_000
    head = memory.trending_lists.head(memory.settings.trending_half_life, now_ms)
    # Events that were replayed from a file happened long ago, so their decayed sums are nearly 0.
    leading = await _first_shown(
        recommender, [(item_id, score) for item_id, score in head if score >= LEAST_SHOWN]
    )
    on_the_rise = dict(_rising(memory, now_ms))
    rising_items = await _first_shown(recommender, [(item_id, 0.0) for item_id in on_the_rise])
    most_liked = await _first_shown(recommender, memory.popular_list.head())
    shown = values(figures) | values(health) | values(metrics.events) | values(metrics.answers)
    return Now(
        time_ms=now_ms,
        redis=redis,
        model_version=version,
        figures=shown,
        alarms=ringing(shown, is_answered),
        freshness=buckets(metrics.freshness),
        trending=_shown_items(memory, leading),
        rising=[
            RisingItem(
                item_id=each.item_id,
                title=memory.catalogue.get(each.item_id).title,
                times=on_the_rise[each.item_id],
            )
            for each in rising_items
        ],
        popular=_shown_items(memory, most_liked),
    )


def _rising(memory: ProcessMemory, now_ms: int) -> list[Rising]:
    """The rising items by two half-lives: the shortest of an hour or more, and the longest; none by one only.

    A half-life under an hour says too little where only a few events come in an hour.
    """
    half_lives = memory.settings.trend_half_lives
    longest = max(half_lives)
    shortest = min((each for each in half_lives if each >= _LEAST_RISING), default=longest)
    if shortest == longest:
        return []
    usual = dict(memory.trending_lists.head(longest, now_ms))
    return rising(memory.trending_lists.head(shortest, now_ms), usual)


def values(collector: Collector) -> dict[str, float]:
    """Every finite sample of a collector, by name and labels, such as ``api_events_total.accepted``."""
    return {
        ".".join([sample.name.removeprefix(_PREFIX), *sample.labels.values()]): sample.value
        for family in collector.collect()
        for sample in family.samples
        if not sample.name.endswith("_created") and math.isfinite(sample.value)
    }


def buckets(histogram: Collector) -> list[tuple[float | None, float]]:
    """The buckets of a histogram, not cumulated: upper bound (None: no bound) and count."""
    found: list[tuple[float | None, float]] = []
    before = 0.0
    for family in histogram.collect():
        for sample in family.samples:
            if sample.name.endswith("_bucket"):
                bound = float(sample.labels["le"])
                found.append((bound if math.isfinite(bound) else None, sample.value - before))
                before = sample.value
    return found


async def _first_shown(recommender: Recommender, entries: Sequence[tuple[str, float]]) -> Sequence[Candidate]:
    """The first SHOWN items of a list, without those that a filter removes."""
    return await recommender.list_for_all(list_strategy(entries, SOURCE), SHOWN)


def _shown_items(memory: ProcessMemory, candidates: Sequence[Candidate]) -> list[ShownItem]:
    return [
        ShownItem(
            item_id=each.item_id,
            title=memory.catalogue.get(each.item_id).title,
            score=round(each.score, 3),
        )
        for each in candidates
    ]
