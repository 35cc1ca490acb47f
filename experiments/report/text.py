"""A report for a terminal: first the decision, then the figures behind it."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.experiments.report import Interval, Report


def as_text(report: Report) -> str:
    """Lines of at most about a hundred characters."""
    return "\n".join(_lines(report))


def _lines(report: Report) -> Iterator[str]:
    yield f"{report.experiment}, run {report.run} ({report.state}): {report.hypothesis}"
    yield f"Decision: {report.decision}"
    yield ""
    for arm in report.arms:
        ctr = arm.metrics.get("click_through_rate")
        rate = "" if ctr is None else f", click-through rate {ctr:.4f}"
        stopped = f" (stopped: {arm.stopped})" if arm.stopped else ""
        yield (
            f"  {arm.arm:<20} {arm.users:>8,} {report.unit}s {arm.impressions:>10,} impressions "
            f"{arm.clicks:>8,} clicks {arm.conversions:>8,} conversions{rate}{stopped}"
        )
    yield ""
    for each in report.comparisons:
        lift = "no value" if each.lift is None else f"{each.lift:+.1%}"
        yield f"  {each.arm}, {each.metric.replace('_', ' ')}: {lift}"
        yield f"    at every look {interval(each.any_time)}; fixed horizon {interval(each.fixed_horizon)}"
        if each.variance_reduction > 0:
            yield f"    with CUPED (variance -{each.variance_reduction:.0%}) {interval(each.with_cuped)}"
    for guardrail in report.guardrails:
        verdict = "VIOLATED" if guardrail.violated else "kept"
        bound = f"may lose {guardrail.may_lose:.0%}"
        yield f"  guardrail {guardrail.metric}, {guardrail.arm}: {verdict} ({bound})"
    yield ""
    for practice in report.practices:
        yield f"  {'yes' if practice.holds else 'NO ':<4}{practice.name}: {practice.why}"
    if report.refused_exposures:
        refused = f"{report.refused_exposures:,} exposures named another arm than that of their {report.unit}"
        yield f"  {refused} and do not count"


def interval(found: Interval) -> str:
    """The interval of the lift and the corrected p-value."""
    low, high = ("unbounded" if each is None else f"{each:+.1%}" for each in (found.low, found.high))
    corrected = found.p_value if found.corrected_p_value is None else found.corrected_p_value
    return f"[{low}, {high}] p = {corrected:.2g}"
