"""Small, complete manifests for tests, with the changes that a test asks for."""

from __future__ import annotations

from typing import Any

from contracts.events import DEFAULT_WEIGHTS
from contracts.stored.manifest import Manifest

PARAMETERS: dict[str, Any] = {
    "als_rank": 8,
    "als_reg_param": 0.01,
    "als_alpha": 0.5,
    "als_nonnegative": False,
    "explicit_rank": 5,
    "explicit_reg_param": 0.15,
    "rating_strengths": {"0.0": -0.5, "3.0": 0.0, "4.0": 1.0, "5.0": 2.0},
    "event_weights": dict(DEFAULT_WEIGHTS),
}


def a_manifest(version: str = "v1", parameters: dict[str, Any] | None = None, **fields: Any) -> Manifest:
    """A version's manifest; ``parameters`` are added to PARAMETERS, ``fields`` replace whole parts."""
    whole: dict[str, Any] = {
        "version": version,
        "created_at": "2026-01-01T00:00:00+00:00",
        "lake_version": 1,
        "metrics": {},
        "counts": {"users": 1, "items": 2, "interactions": 100},
        "previous": None,
    }
    return Manifest.model_validate(whole | fields | {"parameters": PARAMETERS | (parameters or {})})
