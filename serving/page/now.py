"""What the view "Now" shows: one picture of the service, from what this process holds in memory."""

from __future__ import annotations

import math
import time
from typing import TypedDict

from prometheus_client.registry import Collector

from serving.memory.popular_list import PopularList
from serving.memory.process_memory import ProcessMemory
from serving.memory.service_figures import ServiceFigures
from serving.page.alarms import RingingAlarm, ringing
from serving.page.rising import Rising, rising
from serving.redis.reads.model import current_version
from serving.redis.store import StoreError
from serving.telemetry.metrics import Metrics

SHOWN = 10
LEAST_SHOWN = 0.05
_PREFIX = "headwater_"


class ShownItem(TypedDict):
    """An item of a list that is the same for everyone."""

    item_id: str
    title: str | None
    score: float


class RisingItem(TypedDict):
    """An item that is met more often than usual."""

    item_id: str
    title: str | None
    times: float | None  # as often as usual; None: not met before


class Now(TypedDict):
    """One picture. ``figures``: names as in /metrics without the prefix, counted since the process began."""

    time_ms: int
    redis: str  # "ok", or why it does not answer
    model_version: str | None
    figures: dict[str, float]
    freshness: list[tuple[float | None, float]]  # upper bound in seconds (None: no bound), answers so far
    alarms: list[RingingAlarm]
    trending: list[ShownItem]
    rising: list[RisingItem]
    popular: list[ShownItem]


async def picture(memory: ProcessMemory, figures: ServiceFigures, metrics: Metrics) -> Now:
    """The picture now: one small read of Redis, the rest from memory."""
    redis, version = "ok", None
    try:
        version = await current_version(memory.store)
    except StoreError as error:
        redis = str(error)
    now_ms = time.time_ns() // 1_000_000
    head = memory.trending_lists.head(memory.settings.trending_half_life, now_ms)[:SHOWN]
    # What was replayed from a file happened long ago: its decayed sums are nearly 0.
    leading = [(item_id, score) for item_id, score in head if score >= LEAST_SHOWN]
    on_the_rise = _rising(memory, now_ms)
    await memory.catalogue.load(item_id for item_id, _ in [*leading, *on_the_rise])
    shown = values(figures) | values(metrics.events) | values(metrics.answers)
    return Now(
        time_ms=now_ms,
        redis=redis,
        model_version=version,
        figures=shown,
        alarms=ringing(shown, redis == "ok"),
        freshness=buckets(metrics.freshness),
        trending=[
            ShownItem(item_id=item_id, title=memory.catalogue.get(item_id).title, score=round(score, 3))
            for item_id, score in leading
        ],
        rising=[
            RisingItem(item_id=item_id, title=memory.catalogue.get(item_id).title, times=times)
            for item_id, times in on_the_rise
        ],
        popular=_popular(memory.popular_list),
    )


def _rising(memory: ProcessMemory, now_ms: int) -> list[Rising]:
    """By the shortest half-life beside the longest one; nothing where there is one only."""
    shortest, longest = min(memory.settings.trend_half_lives), max(memory.settings.trend_half_lives)
    if shortest == longest:
        return []
    usual = dict(memory.trending_lists.head(longest, now_ms))
    return rising(memory.trending_lists.head(shortest, now_ms), usual, shortest / longest)[:SHOWN]


def values(collector: Collector) -> dict[str, float]:
    """Every finite sample of a collector by name and labels, as ``api_events_total.accepted``."""
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


def _popular(popular_list: PopularList) -> list[ShownItem]:
    return [
        ShownItem(item_id=item.item_id, title=item.title, score=round(item.score, 3))
        for item in popular_list.head(SHOWN)
    ]
