from __future__ import annotations

from typing import Any
from unittest.mock import MagicMock

import pytest

from contracts.settings import TuneSettings
from training.commands import tune
from training.registry.outcome import TrainingError
from training.tuning.classic_grid import GridRow, HeldOutScores

NO_SPARK: Any = None
ROWS = [GridRow(50, 0.1, 10, 0.91), GridRow(20, 1.0, 5, 1.2)]
SCORES = HeldOutScores(ratings=800, winner=0.9, present=1.0, mean=1.1)


@pytest.fixture
def lake(monkeypatch: pytest.MonkeyPatch) -> MagicMock:
    data = MagicMock()
    monkeypatch.setattr("training.data.dataset.newest_version", lambda *_: 3)
    monkeypatch.setattr("training.data.load.load", lambda *_: data)
    monkeypatch.setattr("training.tuning.classic_grid.classic_grid", lambda *_: (ROWS, SCORES))
    return data


def test_the_classic_grid_says_how_much_its_winner_improves_on_the_present_settings(lake: MagicMock) -> None:
    found = tune._run_grid(NO_SPARK, TuneSettings(), 1, publish=False)
    assert found["improvement"] == pytest.approx(0.1)
    lines = tune._lines(found)
    for text in ("improvement 0.1000", "test_rmse 0.9000", "test_ratings 800", "EXPLICIT_RANK=50"):
        assert text in lines
    assert "outcome" not in lines
    lake.release.assert_called_once()


def test_a_published_winner_is_trained_with_its_own_settings(
    lake: MagicMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = list[TuneSettings]()

    def publish(_: object, settings: TuneSettings) -> dict[str, str]:
        trained.append(settings)
        return {"outcome": "published", "version": "v2"}

    monkeypatch.setattr(tune, "_publish", publish)
    lines = tune._lines(tune._run_grid(NO_SPARK, TuneSettings(), 1, publish=True))
    assert "outcome published, version v2" in lines
    (settings,) = trained
    assert (settings.explicit_rank, settings.explicit_reg_param, settings.explicit_max_iter) == (50, 0.1, 10)


def test_without_enough_in_the_lake_it_says_so(lake: MagicMock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.data.dataset.newest_version", lambda *_: None)
    with pytest.raises(TrainingError, match="not enough in the lake to tune on"):
        tune._run_grid(NO_SPARK, TuneSettings(), 1, publish=False)
