"""Says what a training round did, on one line for people and as JSON for scripts."""

from __future__ import annotations

import json
from collections.abc import Mapping

from contracts.stored.manifest import BlendRecord, Manifest

# Why a round made no version.
NOTHING_TRAINED = {
    "not_enough_data": (
        "nothing trained: not enough data yet, that is fewer than TRAIN_MIN_EVENTS pairs of user and item, "
        "or none that its user likes (EVENT_WEIGHTS and RATING_STRENGTHS say what counts as liked)"
    ),
    "refused_older": "nothing trained: the served model was trained on a newer lake",
}
Metrics = Mapping[str, "float | None"]
_SHOWN = ("ndcg@10", "recall@10", "rmse")


def round_line(outcome: str, manifest: Manifest | None, champion: Manifest | None, seconds: float) -> str:
    """One line that says what a round did, for people who watch the log."""
    if manifest is None:
        return f"{NOTHING_TRAINED.get(outcome, outcome)}; {seconds:.1f} s"
    interactions, metrics = manifest.counts.interactions, manifest.metrics
    new = interactions - (champion.counts.interactions if champion else 0)
    is_first = champion is None
    figures = ", ".join(_figure(name, manifest, is_first) for name in _SHOWN if metrics.get(name) is not None)
    trained_on = f"trained on {new:,} new events ({interactions:,} in all)"
    gate = f"gate: {manifest.gate.reason if manifest.gate else 'not asked'}, {manifest.leads} leads"
    how = "warm" if manifest.fit and manifest.fit.warm else "full fit"
    ranks = "" if manifest.blend is None else f"; ranks by {blend_text(manifest.blend, metrics)}"
    return f"{outcome} {manifest.version} ({how}): {trained_on}; {figures}{ranks}; {gate}; {seconds:.1f} s"


def blend_text(blend: BlendRecord, metrics: Metrics, k: int = 10) -> str:
    """The weights right after an event and long after it, and each signal's NDCG alone where measured."""

    def signal(name: str, weight: float) -> str:
        alone = metrics.get(f"{name}_ndcg@{k}")
        return f"{weight:.2g} {name}" + ("" if alone is None else f" (alone {alone:.4f})")

    hot, cold = (
        " + ".join(signal(name, weight) for name, weight in weights.items() if weight)
        for weights in (blend.hot, blend.cold)
    )
    return hot if hot == cold else f"{hot}; a day later by {cold}"


def _figure(name: str, manifest: Manifest, is_first: bool) -> str:
    """A figure, and the champion's on the same slice, because its own was measured on an older slice."""
    metrics, gate = manifest.metrics, manifest.gate
    value, before, popularity = (metrics.get(f"{who}{name}") for who in ("", "champion_", "popularity_"))
    parts = []
    if before is not None:
        parts.append(f"the served model on the same slice {before:.4f}")
    elif is_first:
        parts.append("first")
    difference = gate.differences.get("champion") if gate else None
    if before is not None and difference and name.startswith("ndcg@"):
        mean, low, high = difference
        parts.append(f"difference {mean:+.4f} [{low:+.4f}, {high:+.4f}]")
    if popularity is not None:
        parts.append(f"popularity {popularity:.4f}")
    return f"{name.upper()} {value:.4f}" + (f" ({', '.join(parts)})" if parts else "")


def as_json(outcome: str, manifest: Manifest | None) -> str:
    """What `headwater train --json` prints."""
    return json.dumps({"outcome": outcome, "manifest": manifest and manifest.to_dict()}, indent=2)
