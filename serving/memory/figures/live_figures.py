"""The live figures of the last day for /metrics, and as an answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from pydantic import BaseModel, Field

from contracts.live_figures import BATCH, FALLBACK, FRESH, POPULAR, RETRAINED, ListSums, LiveFigures
from serving.redis.reads.live import live_hours
from serving.redis.store import Store

_READ_SECONDS, _HOURS = 10.0, 24
_NAMES = {FRESH: "fresh", BATCH: "als", FALLBACK: "popular"}


class Figure(BaseModel):
    """How a list held what users did next; null without an event."""

    events: int
    hit_rate: float | None = Field(description="The share of events whose item was among the first 10")
    ndcg: float | None = Field(description="At 10")
    mrr: float | None = Field(description="The mean of 1 / rank, 0 beyond rank 100")


class LiveRow(BaseModel):
    """The figures of some events, each against the lists that its user had at that moment."""

    served: Figure = Field(description="The list as it was served")
    by_source: dict[str, Figure] = Field(description="The same by the list's source")
    retrained: Figure = Field(description="The list of the last training round, without known items")
    popular: Figure = Field(description="The popular list, without known items")


class LiveSeriesRow(LiveRow):
    """Those of one version in one hour."""

    hour: int = Field(description="Its beginning, epoch milliseconds")
    model_version: str


class Live(BaseModel):
    """Live figures, by hour and version, oldest first."""

    hours: int
    total: LiveRow
    by_version: dict[str, LiveRow]
    series: list[LiveSeriesRow]


async def live_answer(store: Store, hours: int) -> Live:
    """The figures of the last hours. Raises StoreError."""
    found = await live_hours(store, time.time_ns() // 1_000_000, hours)
    by_version: dict[str, LiveFigures] = {}
    for each in found:
        by_version[each.version] = by_version.get(each.version, LiveFigures()) + each.figures
    return Live(
        hours=hours,
        total=row_of(sum(by_version.values(), LiveFigures())),
        by_version={version: row_of(figures) for version, figures in by_version.items()},
        series=[
            LiveSeriesRow(hour=each.hour, model_version=each.version, **dict(row_of(each.figures)))
            for each in found
        ],
    )


def row_of(figures: LiveFigures) -> LiveRow:
    """Sums as means."""
    beside = figures.beside
    return LiveRow(
        served=_figure(figures.served_lists),
        by_source={name: _figure(figures.lists[key]) for key, name in _NAMES.items() if key in figures.lists},
        retrained=_figure(beside[RETRAINED]),
        popular=_figure(beside[POPULAR]),
    )


def _figure(sums: ListSums) -> Figure:
    return Figure(events=sums.events, hit_rate=sums.hit_rate, ndcg=sums.ndcg, mrr=sums.mrr)


class LiveGauges(Collector):
    """The last day's figures of all versions, read a few times a minute."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store, self._clock = store, clock
        self._read_at = float("-inf")
        self._row: LiveRow | None = None

    async def refresh(self) -> None:
        """Read them again, where the last reading is old. Raises StoreError and keeps what it has."""
        if self._clock() - self._read_at >= _READ_SECONDS:
            self._row = (await live_answer(self._store, _HOURS)).total
            self._read_at = self._clock()

    def collect(self) -> Iterator[Metric]:
        """One family a measure; nothing before the first event."""
        row = self._row
        if row is None or not row.served.events:
            return
        yield GaugeMetricFamily(
            "headwater_live_events", "New positive events of the last day.", value=row.served.events
        )
        lists = {"served": row.served, "retrained": row.retrained, "popular": row.popular}
        for measure in ("hit_rate", "ndcg", "mrr"):
            family = GaugeMetricFamily(
                f"headwater_live_{measure}", "How lists held what users did, the last day.", labels=["list"]
            )
            for name, figure in lists.items():
                family.add_metric([name], getattr(figure, measure))
            yield family
