"""I5 finds each fault in the state of Redis, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from contracts.stored.records import Popularity
from stack.verify.derived_state import derived_state
from stack.verify.state_file import StateFile
from stack.verify.violations import NotChecked
from tests.examples import examples
from tests.stack.ledger_world import World, cases, event_row, ledgers_of, replace_lake, worlds

FEW = examples(40)
NEW_ID = "ffffffff-0000-0000-0000-000000000000"
Plant = Callable[[StateFile, str, tuple[str, str]], None]


def _lose_history(state: StateFile, item: str, pair: tuple[str, str]) -> None:
    (state.state.histories if pair in state.state.histories else state.state.retracted).pop(pair)


def _move_history(state: StateFile, item: str, pair: tuple[str, str]) -> None:
    kept = (state.state.histories, state.state.retracted)
    source, target = kept if pair in kept[0] else kept[::-1]
    target[pair] = source.pop(pair)


def _invent_history(state: StateFile, item: str, pair: tuple[str, str]) -> None:
    state.state.histories["nobody", item] = b""


def _count_once_more(state: StateFile, item: str, pair: tuple[str, str]) -> None:
    state.state.popularity[item] += Popularity(users=1)


def _lose_popularity(state: StateFile, item: str, pair: tuple[str, str]) -> None:
    del state.state.popularity[item]


def _shift_trend(state: StateFile, item: str, pair: tuple[str, str]) -> None:
    scores = state.state.trending[3600]
    scores[item] = scores.get(item, 0.0) + 1e-6


PLANTS: tuple[Plant, ...] = (
    _lose_history,
    _move_history,
    _invent_history,
    _count_once_more,
    _lose_popularity,
    _shift_trend,
)


@pytest.mark.parametrize("plant", PLANTS)
@FEW
@given(worlds(), st.data())
def test_a_state_that_differs_from_the_recount_is_reported(
    plant: Plant, world: World, data: st.DataObject
) -> None:
    ledgers = world.ledgers()
    assert ledgers.state is not None
    pairs = sorted(ledgers.state.state.histories.keys() | ledgers.state.state.retracted.keys())
    assume(pairs)
    pair = data.draw(st.sampled_from(pairs))
    plant(ledgers.state, pair[1], pair)
    assert sum(cases(derived_state(ledgers))) in (1, 2)


@FEW
@given(worlds())
def test_events_that_the_state_does_not_have_yet_are_left_out(world: World) -> None:
    before = world.ledgers()
    later = replace_lake(before, [*before.lake.to_pylist(), event_row(0, 1000, NEW_ID)])
    state = world.state()
    applied = {"interactions:0": 500} | state.head.applied_online
    later = replace(later, state=replace(state, head=replace(state.head, applied_online=applied)))
    if "interactions:0" in state.head.applied_online:
        assert derived_state(later) == []


def test_a_lake_behind_the_state_is_reported_before_anything_is_compared() -> None:
    world = World((), ((0, 4),), (), ())
    state = world.state()
    head = replace(state.head, applied_online={"interactions:0": 9})
    found = derived_state(replace(world.ledgers(), state=replace(state, head=head)))
    assert not isinstance(found, NotChecked)
    (behind,) = found
    assert (behind.cases, behind.examples) == (4, ["partition 0: Redis has 9, the lake 5"])


def test_without_an_exported_state_the_check_is_skipped() -> None:
    assert isinstance(derived_state(ledgers_of([], [])), NotChecked)
