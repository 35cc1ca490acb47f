"""Which settings a version's manifest records."""

from __future__ import annotations

from contracts.settings import TrainingSettings
from contracts.stored.manifest import Parameters

_RECORDED_PREFIXES = (
    "als_",
    "explicit_",
    "rating_strengths",
    "event_weights",
    "cold_start",
    "positive_rating",
    "holdout_fraction",
    "top_n",
    "ranking",
)


def recorded_parameters(settings: TrainingSettings) -> Parameters:
    """The settings that decide what a model is, as JSON has them."""
    recorded = settings.model_dump(mode="json")
    return Parameters.model_validate(
        {name: value for name, value in recorded.items() if name.startswith(_RECORDED_PREFIXES)}
    )
