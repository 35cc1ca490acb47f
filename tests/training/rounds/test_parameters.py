from __future__ import annotations

from contracts.settings import TrainingSettings
from training.rounds.parameters import recorded_parameters


def test_the_settings_that_define_a_model_are_recorded_as_json() -> None:
    settings = TrainingSettings(als_rank=3, explicit_rank=4, cold_start_strategy="nan")
    found = recorded_parameters(settings)
    assert (found.als_rank, found.explicit_rank) == (3, 4)
    assert found.strength_by_rating() == settings.rating_strengths
    assert found.event_weights == settings.event_weights
    written = found.model_dump(exclude_unset=True)
    assert written["cold_start_strategy"] == "nan"
    assert {"top_n", "positive_rating", "holdout_fraction", "als_max_iter"} <= written.keys()
    assert not [name for name in written if "redis" in name or "uri" in name]
