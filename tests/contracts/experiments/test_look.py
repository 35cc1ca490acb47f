from __future__ import annotations

import pytest
from pydantic import ValidationError

from contracts.experiments.look import (
    MAX_LOOKS,
    SETTLING_MS,
    ArmLook,
    Look,
    is_kept,
    is_watched,
    least_gap_ms,
)
from contracts.experiments.record import stop
from tests.experiments.lake_rows import START, running

DAY_MS = 86_400_000


def test_there_is_room_for_the_looks_of_all_planned_days() -> None:
    assert 14 * DAY_MS // least_gap_ms(14) <= MAX_LOOKS + 1


def test_a_look_is_kept_if_it_is_the_first_of_a_run_or_long_enough_after_the_last() -> None:
    gap = least_gap_ms(14)
    kept = [Look(at=0, arms=()), Look(at=gap, arms=())]
    assert not is_kept(Look(at=2 * gap - 1, arms=()), kept, 14)
    assert is_kept(Look(at=2 * gap, arms=()), kept, 14)
    assert is_kept(Look(at=gap + 1, run=2, arms=()), kept, 14)


def test_an_experiment_is_watched_while_it_runs_and_shortly_after_its_stop() -> None:
    experiment = running()
    assert is_watched(experiment, START + DAY_MS)
    stopped = stop(experiment, "seen enough", START)
    assert is_watched(stopped, START + SETTLING_MS - 1)
    assert not is_watched(stopped, START + SETTLING_MS)
    assert not is_watched(experiment.model_copy(update={"state": "draft"}), START)


def test_a_look_is_read_as_it_was_written_and_holds_only_finite_numbers() -> None:
    look = Look(at=1, arms=(ArmLook(arm="b", users=3, lift=0.5, low=None, high=1.5),))
    assert Look.model_validate_json(look.model_dump_json()) == look
    with pytest.raises(ValidationError):
        ArmLook(arm="b", users=3, lift=float("inf"), low=None, high=1.5)
