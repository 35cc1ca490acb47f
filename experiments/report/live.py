"""The live figures by model version, recounted from the lake: as JSON and for a terminal."""

from __future__ import annotations

from collections import defaultdict

from pydantic import BaseModel, Field

from contracts.live_figures import LISTS, ListSums, LiveFigures, figures_of, first_moment
from experiments.observations.outcomes import read_outcomes, recount

_SERVED = "served"


class LiveFigure(BaseModel):
    """How well a list held what users did next; the figures are None where no event counted."""

    events: int
    hits: int
    hit_rate: float | None = Field(description="The share of events whose item was among the first 10")
    ndcg: float | None = Field(description="At 10")
    mrr: float | None = Field(description="The mean of 1 / rank, 0 beyond rank 100")


class LiveReport(BaseModel):
    """By model version and list: `served`, the same by its source, `retrained` and `popular`."""

    since_ms: int
    events: int
    versions: dict[str, dict[str, LiveFigure]]


def live_report(lake_uri: str, now_ms: int, hours: int) -> LiveReport:
    """The figures of the last hours, the present one included."""
    since_ms = first_moment(now_ms, hours)
    by_version: dict[str, LiveFigures] = defaultdict(LiveFigures)
    for fields in recount(read_outcomes(lake_uri, since_ms)).values():
        for (_, version), figures in figures_of(fields).items():
            by_version[version] += figures
    return LiveReport(
        since_ms=since_ms,
        events=sum(figures.served_lists.events for figures in by_version.values()),
        versions={version: _lists(figures) for version, figures in sorted(by_version.items())},
    )


def _lists(figures: LiveFigures) -> dict[str, LiveFigure]:
    sources = {name: figures.lists[name] for name in LISTS if figures.lists.get(name, ListSums()).events}
    return {
        name: _figure(sums)
        for name, sums in {_SERVED: figures.served_lists, **sources, **figures.beside}.items()
    }


def _figure(sums: ListSums) -> LiveFigure:
    return LiveFigure(
        events=sums.events, hits=sums.hits, hit_rate=sums.hit_rate, ndcg=sums.ndcg, mrr=sums.mrr
    )


def as_text(report: LiveReport) -> str:
    """A line for each version and list."""
    if not report.events:
        return "no event counted in these hours (--hours looks further back)"
    lines = [f"{'version':<28} {'list':<16} {'events':>8} {'hit rate@10':>11} {'NDCG@10':>8} {'MRR':>8}"]
    for version, lists in report.versions.items():
        for name, each in lists.items():
            figures = f"{each.hit_rate or 0:>11.4f} {each.ndcg or 0:>8.4f} {each.mrr or 0:>8.4f}"
            lines.append(f"{version:<28} {name:<16} {each.events:>8,} {figures}")
    return "\n".join(lines)
