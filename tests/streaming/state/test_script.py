from __future__ import annotations

from contracts.settings import StateSettings
from streaming.state.script import state_script


def test_the_script_carries_the_settings_it_was_made_for() -> None:
    settings = StateSettings(
        event_weights={"view": 0.25},
        rating_strengths={4: 1, 0: -1},
        trend_half_lives=(600,),
        together_window=7,
    )
    first = state_script(settings).splitlines()[0]
    assert first == (
        "local CONFIG={weights={0.25,0.0,0.0,0.0,0.0,0.0,0.0},millionths={250000,0,0,0,0,0,0},"
        "grades={{0,-1.0},{4000000,1.0}},half_lives={600000},window=7,degree=3,cap=1000}"
    )


def test_other_settings_make_another_script() -> None:
    assert state_script(StateSettings()) != state_script(StateSettings(history_cap=5))
