"""A version's report: one self-contained HTML page, made from its manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from contracts.stored.manifest import BlendRecord, FigureTriple, GateRecord, Manifest, RatingBand
from training.report.svg import bars, lines

_SHOWN = ("ndcg", "recall", "precision", "map", "mrr", "hit_rate", "coverage", "novelty", "serendipity")
_NAMES = {
    "model": "this model",
    "recent_popularity": "recent popularity",
    "item_knn": "item-kNN",
    "als": "factors alone",
    "ease": "EASE",
    "without_known_items": "this model without known items",
}
FiguresByList = Mapping[str, Mapping[str, FigureTriple]]  # by maker of lists ("model", a rival), by metric


def report(manifest: Manifest) -> str:
    """The HTML page of a version. For a model that was not measured, it says so."""
    evaluation, gate, counts = manifest.evaluation, manifest.gate, manifest.counts
    figures = (evaluation.figures if evaluation else None) or {}
    leads_the_answers = gate is not None and gate.publish and gate.leads == "model"
    return Template(files("training.report").joinpath("report.html").read_text()).substitute(
        version=escape(manifest.version),
        created_at=escape(manifest.created_at),
        lake_version=manifest.lake_version,
        interactions=f"{counts.interactions:,}",
        users=f"{counts.users:,}",
        items=f"{counts.items:,}",
        gate=escape(_describe_gate(gate)),
        gate_colour="#15803d" if leads_the_answers else "#d97706",
        split=escape(_describe_split(manifest)),
        bars="".join(_bars(figures, evaluation.k if evaluation else 10)),
        lines=_over_versions(manifest) + _tail(evaluation.long_tail if evaluation else {}),
        figures=_figures(figures),
        segments=_segments(evaluation.segments if evaluation else {}),
        ratings=_ratings(evaluation.rating_bands if evaluation else ()),
        made=_rows(_training_facts(manifest)),
    )


def _describe_gate(gate: GateRecord | None) -> str:
    if gate is None:
        return "Refused: not measured. Answers begin with: model."
    verdict = "Published" if gate.publish else "Refused"
    return f"{verdict}: {gate.reason}. Answers begin with: {gate.leads}."


def _describe_split(manifest: Manifest) -> str:
    evaluation = manifest.evaluation
    if evaluation is None or evaluation.figures is None:
        return "Not measured: nobody with a past liked anything later."
    users = int(manifest.metrics.get("users_measured") or 0)
    why = f" ({evaluation.split_reason})" if evaluation.split_reason else ""
    tested, without_positives = evaluation.users_tested, evaluation.users_without_positives
    known = "also items that their users had had count" if evaluation.known_items else "known items left out"
    return (
        f"Split: {evaluation.split}{why}; {users:,} users measured, {without_positives:,} of "
        f"{tested:,} had no positive and are left out. Full catalogue, {known}. "
        f"Users without a past: {evaluation.cold_users_share:.1%}; positives nobody had before: "
        f"{evaluation.cold_items_share:.1%}. Recent popularity has a half-life of "
        f"{evaluation.recent_half_life_seconds / 3600:g} h."
    )


def _bars(figures: FiguresByList, k: int) -> list[str]:
    plots = []
    for metric in _SHOWN if figures else ():
        name = f"{metric}@{k}"
        rows = [
            (_NAMES.get(who, who), *list_figures[name])
            for who, list_figures in figures.items()
            if name in list_figures
        ]
        plots.append(bars(name.upper(), rows))
    return plots


def _over_versions(manifest: Manifest) -> str:
    measured = [point for point in manifest.history if point.ndcg is not None]
    if not measured:
        return ""
    series = {
        "this model's line": [point.ndcg or 0.0 for point in measured],
        "popularity": [point.popularity or 0.0 for point in measured],
    }
    return lines("NDCG over versions", series, (measured[0].version, measured[-1].version))


def _tail(curves: Mapping[str, Sequence[float]]) -> str:
    if not curves:
        return ""
    return lines("Share of the most popular items", curves, ("most popular", "all items"))


def _figures(figures: FiguresByList) -> str:
    names = list(figures.get("model", {}))
    head = _cells("th", ["", *(_NAMES.get(who, who) for who in figures)])
    return head + "".join(
        _cells("td", [name, *(_interval(list_figures.get(name)) for list_figures in figures.values())])
        for name in names
    )


def _segments(segments: Mapping[str, FiguresByList]) -> str:
    columns = [
        (who, name)
        for by_list in list(segments.values())[:1]
        for who, list_figures in by_list.items()
        for name in list_figures
    ]
    head = _cells("th", ["", *(f"{_NAMES.get(who, who)}: {name}" for who, name in columns)])
    return head + "".join(
        _cells("td", [segment, *(_interval(by.get(who, {}).get(name)) for who, name in columns)])
        for segment, by in segments.items()
    )


def _ratings(bands: Sequence[RatingBand]) -> str:
    """How the later ratings are distributed, and how well each part of the scale is predicted."""
    if not bands:
        return ""
    everything = sum(band.ratings for band in bands)
    rows = [["rating", "how many", "share", "mean prediction", "RMSE"]]
    for band in bands:
        is_one = band.lowest == band.highest
        rows.append(
            [
                f"{band.lowest:g}" if is_one else f"{band.lowest:g} to {band.highest:g}",
                f"{band.ratings:,}",
                f"{band.ratings / everything:.1%}",
                "" if band.mean_prediction is None else f"{band.mean_prediction:.2f}",
                "" if band.rmse is None else f"{band.rmse:.3f}",
            ]
        )
    table = _cells("th", rows[0]) + "".join(_cells("td", row) for row in rows[1:])
    return f"<h2>Ratings that came later, and how they were predicted</h2><table>{table}</table>"


def _training_facts(manifest: Manifest) -> list[tuple[str, Any]]:
    """How the version was fitted, how well it predicts ratings, how long it took, and its parameters."""
    fit, metrics = manifest.fit, manifest.metrics
    rows: list[tuple[str, Any]] = [
        ("fit", f"{'warm' if fit and fit.warm else 'full'} ({fit.why if fit else ''})")
    ]
    rows += [(name, metrics[name]) for name in ("rmse", "mae", "r2") if name in metrics]
    if manifest.blend is not None:
        rows += _blend_facts(manifest.blend)
    rows += [(f"seconds: {name}", value) for name, value in manifest.timings.items()]
    rows += manifest.parameters.model_dump(exclude_unset=True).items()
    return rows


def _blend_facts(blend: BlendRecord) -> list[tuple[str, Any]]:
    """The weights of each horizon, how they were chosen, and the NDCG of each signal alone."""
    rows: list[tuple[str, Any]] = []
    horizons = (
        ("right after an event", blend.hot, blend.hot_choice),
        ("long after it", blend.cold, blend.cold_choice),
    )
    for when, weights, choice in horizons:
        shown = " + ".join(f"{weight:.3g} {name}" for name, weight in weights.items() if weight)
        rows.append((f"ranks {when} by", shown))
        if choice is None:
            continue
        rows.append(
            (f"weights {when}", choice.why + (f"; NDCG {_interval(choice.ndcg)}" * bool(choice.ndcg)))
        )
        alone = sorted(choice.alone.items(), key=lambda pair: -pair[1])
        if alone:
            rows.append((f"alone {when}", ", ".join(f"{name} {value:.4f}" for name, value in alone)))
    return rows


def _interval(figure: Sequence[float] | None) -> str:
    if figure is None:
        return ""
    mean, low, high = figure
    return f"{mean:.4f} [{low:.4f}, {high:.4f}]"


def _rows(pairs: Sequence[tuple[str, Any]]) -> str:
    return "".join(_cells("td", [name, value]) for name, value in pairs)


def _cells(tag: str, values: Sequence[Any]) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(str(value))}</{tag}>" for value in values) + "</tr>"
