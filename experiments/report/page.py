"""A report as one HTML page, without scripts and without other files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from contracts.experiments.report import ComparisonRecord, Report
from experiments.report.text import interval

_WIDTH, _LEFT, _ROW, _MOST = 640, 160, 26, 2.0


def as_page(report: Report) -> str:
    """The HTML page."""
    return Template(files("experiments.report").joinpath("page.html").read_text()).substitute(
        name=escape(report.experiment),
        run=report.run,
        hypothesis=escape(report.hypothesis),
        decision=escape(report.decision),
        primary=escape(report.primary.replace("_", " ")),
        forest=forest([each for each in report.comparisons if each.metric == report.primary]),
        arms=_arms(report),
        comparisons=_comparisons(report),
        novelty=_novelty(report),
        guardrails=_table(
            ("arm", "metric", "may lose", "state"),
            (
                (each.arm, each.metric, f"{each.may_lose:.0%}", "violated" if each.violated else "kept")
                for each in report.guardrails
            ),
        ),
        practices=_table(
            ("practice", "holds", "why"),
            ((each.name, "yes" if each.holds else "no", each.why) for each in report.practices),
        ),
    )


def _arms(report: Report) -> str:
    rows = (
        (
            f"{arm.arm}{' (stopped)' if arm.stopped else ''}",
            f"{arm.users:,}",
            f"{arm.impressions:,}",
            f"{arm.clicks:,}",
            f"{arm.conversions:,}",
            *("" if value is None else f"{value:.4f}" for value in arm.metrics.values()),
        )
        for arm in report.arms
    )
    return _table(("arm", f"{report.unit}s", "impressions", "clicks", "conversions", *_metrics(report)), rows)


def _comparisons(report: Report) -> str:
    rows = (
        (
            each.arm,
            each.metric.replace("_", " "),
            "" if each.lift is None else f"{each.lift:+.1%}",
            interval(each.any_time),
            interval(each.fixed_horizon),
            interval(each.with_cuped),
        )
        for each in report.comparisons
    )
    return _table(("arm", "metric", "lift", "at every look", "fixed horizon", "with CUPED"), rows)


def _novelty(report: Report) -> str:
    rows = (
        (
            each.arm,
            "too few days" if each.slope is None else f"{each.slope:+.2%} a day, p = {each.p_value:.2g}",
            *("" if lift is None else f"{lift:+.1%}" for lift in each.lifts),
        )
        for each in report.novelty
    )
    return _table(("arm", "trend", *(f"day {day}" for day in range(1, _days(report) + 1))), rows)


def forest(rows: Sequence[ComparisonRecord]) -> str:
    """Each arm's lift with its interval at every look, around a line at no lift; an SVG."""
    bounds = [abs(each) for row in rows for each in (row.any_time.low, row.any_time.high) if each is not None]
    reach = min(max(bounds, default=0.1), _MOST) or 0.1
    middle, scale = (_WIDTH + _LEFT) / 2, (_WIDTH - _LEFT - 20) / 2 / reach

    def x(lift: float | None, otherwise: float) -> float:
        return middle + max(-reach, min(reach, otherwise if lift is None else lift)) * scale

    height = _ROW * len(rows) + 30
    parts = [f'<path d="M{middle:.0f},4V{height - 20}" stroke="currentColor" opacity=".5"/>']
    for place, row in enumerate(rows):
        y = 20 + place * _ROW
        low, high = x(row.any_time.low, -reach), x(row.any_time.high, reach)
        parts.append(f'<text x="0" y="{y + 4}" fill="currentColor">{escape(row.arm)}</text>')
        parts.append(f'<path d="M{low:.1f},{y}H{high:.1f}" stroke="#2563a8" stroke-width="3"/>')
        if row.lift is not None:
            parts.append(f'<circle cx="{x(row.lift, 0):.1f}" cy="{y}" r="5" fill="#2563a8"/>')
    for lift in (-reach, 0.0, reach):
        text = f"{lift:+.0%}" if lift else "no lift"
        anchor = "middle" if not lift else ("start" if lift < 0 else "end")
        at = f'x="{x(lift, 0):.1f}" y="{height - 4}" text-anchor="{anchor}"'
        parts.append(f'<text {at} fill="currentColor">{text}</text>')
    label = "lift of each arm with its interval"
    return f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{label}">{"".join(parts)}</svg>'


def _metrics(report: Report) -> list[str]:
    return [name.replace("_", " ") for name in (report.arms[0].metrics if report.arms else {})]


def _days(report: Report) -> int:
    return max((len(each.lifts) for each in report.novelty), default=0)


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    return _cells("th", head) + "".join(_cells("td", row) for row in rows)


def _cells(tag: str, values: Sequence[Any]) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(str(value))}</{tag}>" for value in values) + "</tr>"
