"""A version's report: one page that stands alone, from its manifest."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from training.registry.outcome import Manifest
from training.report.svg import bars, lines

_SHOWN = ("ndcg", "recall", "precision", "map", "mrr", "hit_rate", "coverage", "novelty", "serendipity")
_NAMES = {"model": "this model", "recent_popularity": "recent popularity", "item_knn": "item-kNN"}


def report(manifest: Manifest) -> str:
    """The HTML page. A model that was not measured has a page that says so."""
    evaluation, gate = manifest.get("evaluation", {}), manifest.get("gate", {})
    figures: dict[str, dict[str, list[float]]] = evaluation.get("figures", {})
    text = {name: escape(str(manifest.get(name, ""))) for name in ("version", "created_at", "lake_version")}
    counts = {name: f"{manifest['counts'][name]:,}" for name in ("interactions", "users", "items")}
    return Template(files("training.report").joinpath("report.html").read_text()).substitute(
        **text,
        **counts,
        gate=escape(_gate(gate)),
        gate_colour="#15803d" if gate.get("publish") and gate.get("leads") == "model" else "#d97706",
        split=escape(_split(manifest)),
        bars="".join(_bars(figures, evaluation.get("k", 10))),
        lines=_over_versions(manifest) + _tail(evaluation.get("long_tail", {})),
        figures=_figures(figures),
        segments=_segments(evaluation.get("segments", {})),
        made=_rows([(name, value) for name, value in _made(manifest)]),
    )


def _gate(gate: dict[str, Any]) -> str:
    verdict = "Published" if gate.get("publish") else "Refused"
    return (
        f"{verdict}: {gate.get('reason', 'not measured')}. Answers begin with: {gate.get('leads', 'model')}."
    )


def _split(manifest: Manifest) -> str:
    about = manifest.get("evaluation", {})
    if "figures" not in about:
        return "Not measured: nobody of whom something was learnt liked anything later."
    users = int(manifest["metrics"]["users_measured"])
    why = f" ({about['split_reason']})" if "split_reason" in about else ""
    return (
        f"Split: {about['split']}{why}; {users:,} users measured, {about['users_without_positives']:,} of "
        f"{about['users_tested']:,} had no positive and are left out. Full catalogue, known items left out. "
        f"Users without a past: {about['cold_users_share']:.1%}; positives nobody had before: "
        f"{about['cold_items_share']:.1%}. Recent popularity has a half-life of "
        f"{about['recent_half_life_seconds'] / 3600:g} h."
    )


def _bars(figures: dict[str, dict[str, list[float]]], k: int) -> list[str]:
    plots = []
    for metric in _SHOWN if figures else ():
        name = f"{metric}@{k}"
        rows = [(_NAMES.get(who, who), *its[name]) for who, its in figures.items() if name in its]
        plots.append(bars(name.upper(), rows))  # type: ignore[arg-type]
    return plots


def _over_versions(manifest: Manifest) -> str:
    history = manifest.get("history", [])
    measured = [point for point in history if point.get("ndcg") is not None]
    if not measured:
        return ""
    series = {
        "this model's line": [point["ndcg"] for point in measured],
        "popularity": [point["popularity"] for point in measured],
    }
    return lines("NDCG over versions", series, (measured[0]["version"], measured[-1]["version"]))


def _tail(curves: dict[str, Sequence[float]]) -> str:
    if not curves:
        return ""
    return lines("Share of the most popular items", curves, ("most popular", "all items"))


def _figures(figures: dict[str, dict[str, list[float]]]) -> str:
    names = list(figures.get("model", {}))
    head = _cells("th", ["", *(_NAMES.get(who, who) for who in figures)])
    return head + "".join(
        _cells("td", [name, *(_interval(its.get(name)) for its in figures.values())]) for name in names
    )


def _segments(segments: dict[str, dict[str, dict[str, list[float]]]]) -> str:
    columns = [(who, name) for by in list(segments.values())[:1] for who, its in by.items() for name in its]
    head = _cells("th", ["", *(f"{_NAMES.get(who, who)}: {name}" for who, name in columns)])
    return head + "".join(
        _cells("td", [segment, *(_interval(by.get(who, {}).get(name)) for who, name in columns)])
        for segment, by in segments.items()
    )


def _made(manifest: Manifest) -> list[tuple[str, Any]]:
    fit = manifest.get("fit", {})
    how = [("fit", f"{'warm' if fit.get('warm') else 'full'} ({fit.get('why', '')})")]
    ratings = [(n, manifest["metrics"][n]) for n in ("rmse", "mae", "r2") if n in manifest["metrics"]]
    seconds = [(f"seconds: {name}", value) for name, value in manifest.get("timings", {}).items()]
    return [*how, *ratings, *seconds, *manifest["parameters"].items()]


def _interval(figure: Sequence[float] | None) -> str:
    if figure is None:
        return ""
    mean, low, high = figure
    return f"{mean:.4f} [{low:.4f}, {high:.4f}]"


def _rows(pairs: Sequence[tuple[str, Any]]) -> str:
    return "".join(_cells("td", [name, value]) for name, value in pairs)


def _cells(tag: str, values: Sequence[Any]) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(str(value))}</{tag}>" for value in values) + "</tr>"
