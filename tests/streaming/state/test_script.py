from __future__ import annotations

import re

from contracts.events import EVENT_TYPES, RATING
from contracts.settings import StateSettings
from streaming.state.script import contract_table, lua, state_script


def test_the_script_contains_the_settings_it_was_built_for() -> None:
    settings = StateSettings(
        event_weights={"view": 0.25},
        rating_strengths={4: 1, 0: -1},
        trend_half_lives=(600,),
        together_window=7,
    )
    config = state_script(settings).splitlines()[1]
    assert config == (
        "local CONFIG={weights={0.25,0.0,0.0,0.0,0.0,0.0,0.0},millionths={250000,0,0,0,0,0,0},"
        "grades={{0,-1.0},{4000000,1.0}},half_lives={600000},window=7,degree=3,cap=1000,"
        "positive=4000000,live_seconds=3024000,most_outcomes=1000000,earlier=16}"
    )


def test_other_settings_give_another_script() -> None:
    assert state_script(StateSettings()) != state_script(StateSettings(history_cap=5))


def test_the_script_gets_types_codes_and_counters_from_the_contract() -> None:
    # Stored records have these codes and counters: lists may grow at the end, and never change.
    assert contract_table() == (
        "local CONTRACT={types=7,counted=6,rating=4,rivals={{7},{7},{7,6},{7},{7},{7,3},false},"
        "counters={3,4,5,6,7,8,false},octaves=32,"
        "negative={false,false,false,false,false,true,false}}\n"
    )


def test_no_event_type_is_named_in_the_script_itself() -> None:
    names = {name.upper() for name in EVENT_TYPES} - {RATING.upper()}
    words = set(re.findall(r"\w+", re.sub("--.*", "", lua("streaming.state", "apply_events.lua")).upper()))
    assert not names & words
