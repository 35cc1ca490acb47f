from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pytest

from contracts.events import EVENT_TYPES
from contracts.settings import TuneSettings
from training.in_memory.events import events_of
from training.in_memory.load import RoundArrays, load_arrays
from training.tuning.blended_validation import BlendedValidation, blended_validation, quality_of
from training.tuning.study import Validation, tune, winner

SETTINGS = TuneSettings(
    als_rank=2, als_max_iter=2, train_min_events=10, tune_rank=(2, 4), tune_iterations=(2, 2)
)
MINUTE_MS, USERS, ITEMS = 60_000, 80, 30


def arrays(settings: TuneSettings, users: int = USERS) -> RoundArrays | None:
    """Users who go round a circle of items, a step a minute, from where they like."""
    rng, rows = np.random.default_rng(0), []
    for user in range(users):
        begin = int(rng.integers(ITEMS))
        rows += [(user, (begin + step) % ITEMS, (60 * user + step) * MINUTE_MS) for step in range(15)]
    table = pa.table(
        {
            "user_id": [f"u{user}" for user, _, _ in rows],
            "item_id": [f"i{item}" for _, item, _ in rows],
            "type": pa.array([EVENT_TYPES.index("like")] * len(rows), pa.int8()),
            "value": np.ones(len(rows)),
            "time": [moment for _, _, moment in rows],
            "event_id": [f"{place:08}" for place in range(len(rows))],
        }
    )
    return load_arrays(events_of(table), len(rows), settings, 0)


def test_trials_are_worth_what_the_blend_of_a_round_is_worth_and_a_study_is_resumed(tmp_path: Path) -> None:
    blended = BlendedValidation(arrays)
    chosen = blended.choose(SETTINGS, 0)
    assert chosen is not None
    assert any(name.startswith("transitions") for name in chosen.blend.hot), "order says all in this world"
    no_slices = Validation(cast(Any, None), SETTINGS)
    storage = f"sqlite:///{tmp_path / 'study.sqlite'}"
    study = tune(no_slices, storage, trials=2, jobs=1, blended=blended)
    again = tune(no_slices, storage, trials=1, jobs=1, blended=blended)
    assert len(again.trials) == 3
    present = again.trials[0]
    assert present.params["als_rank"] == SETTINGS.als_rank
    assert present.value == pytest.approx(quality_of(chosen))
    assert study.best_value >= present.value > 0.3
    best = winner(again, SETTINGS)
    assert best.als_rank == again.best_params["als_rank"]
    assert best.fold_half_life_items == SETTINGS.fold_half_life_items, "a blend has its own"


def test_where_too_few_users_have_anything_to_predict_no_blend_judges() -> None:
    chosen = BlendedValidation(lambda settings: arrays(settings, users=20)).choose(SETTINGS, 0)
    assert chosen is not None
    assert quality_of(chosen) is None
    assert BlendedValidation(lambda _: None).choose(SETTINGS, 0) is None


def test_where_the_factors_rank_alone_no_blend_judges() -> None:
    assert blended_validation(cast(Any, None), SETTINGS.model_copy(update={"ranking": "als"})) is None
