"""What a training round did, on one line for people and as JSON for scripts."""

from __future__ import annotations

import json
from collections.abc import Mapping

from contracts.stored.manifest import Manifest

Metrics = Mapping[str, "float | None"]
_SHOWN = ("ndcg@10", "recall@10", "rmse")


def round_line(outcome: str, manifest: Manifest | None, champion: Manifest | None, seconds: float) -> str:
    """What a round did, for people who watch the log."""
    if manifest is None:
        reasons = {
            "not_enough_data": "not enough data yet (TRAIN_MIN_EVENTS): nothing trained",
            "refused_older": "the served model was trained on a newer lake: nothing trained",
        }
        return f"{reasons.get(outcome, outcome)}, {seconds:.1f} s"
    interactions, metrics = manifest.counts.interactions, manifest.metrics
    new = interactions - (champion.counts.interactions if champion else 0)
    before = champion.metrics if champion else {}
    figures = ", ".join(_figure(name, metrics, before) for name in _SHOWN if metrics.get(name) is not None)
    trained_on = f"trained on {new:,} new events ({interactions:,} in all)"
    gate = f"gate: {manifest.gate.reason if manifest.gate else 'not asked'}, {manifest.leads} leads"
    how = "warm" if manifest.fit and manifest.fit.warm else "full fit"
    return f"{outcome} {manifest.version} ({how}): {trained_on}; {figures}; {gate}; {seconds:.1f} s"


def _figure(name: str, metrics: Metrics, before: Metrics) -> str:
    value, earlier, popularity = metrics[name], before.get(name), metrics.get(f"popularity_{name}")
    previous = "first" if earlier is None else f"before {earlier:.4f}"
    popular = "" if popularity is None else f", popularity {popularity:.4f}"
    return f"{name.upper()} {value:.4f} ({previous}{popular})"


def as_json(outcome: str, manifest: Manifest | None) -> str:
    """What `headwater train --json` prints."""
    return json.dumps({"outcome": outcome, "manifest": manifest and manifest.to_dict()}, indent=2)
