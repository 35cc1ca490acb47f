from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
from rich.console import Console

from contracts.stored.records import Popularity
from stack.verify.ledgers import EVENTS
from stack.verify.state_file import Head, State, StateFile
from tests.compatibility.old_data import Findings, Held, compare, is_kept
from tests.stack.ledger_world import event_row

Change = Callable[[Held], Held]


def held_data() -> Held:
    head = Head(
        state_version="2",
        redis_shards=1,
        event_weights={},
        trend_half_lives=(3600,),
        applied_online={"interactions:0": 2},
        applied_lake={"interactions:0": 2},
    )
    state = State({("u", "i"): b"1"}, {("u", "j"): b"2"}, {"i": Popularity(users=1)}, {3600: {"i": 1.0}})
    return Held(
        lake=pa.Table.from_pylist([event_row(0, 0, "a"), event_row(0, 1, "b")], EVENTS),
        state=StateFile(head, state),
        model="v1",
        manifests={"v1": {"version": "v1", "counts": {"users": 1}}},
        lists={"u": ["i"]},
        histories={"u": {"items": []}},
    )


def with_head(old: Held, **changes: Any) -> Held:
    return replace(old, state=replace(old.state, head=replace(old.state.head, **changes)))


def with_state(old: Held, **changes: Any) -> Held:
    return replace(old, state=replace(old.state, state=replace(old.state.state, **changes)))


CHANGES: dict[str, Change] = {
    "lake: the same rows": lambda old: replace(old, lake=old.lake.slice(1)),
    "offsets: applied online": lambda old: with_head(old, applied_online={}),
    "offsets: applied to the lake": lambda old: with_head(old, applied_lake={"interactions:0": 1}),
    "state: histories": lambda old: with_state(old, histories={}),
    "state: retracted": lambda old: with_state(old, retracted={}),
    "state: popularity": lambda old: with_state(old, popularity={"i": Popularity(users=2)}),
    "state: trending": lambda old: with_state(old, trending={3600: {}}),
    "model: the served version": lambda old: replace(old, model="v2"),
    "model: `models show v1`": lambda old: replace(old, manifests={}),
    "answers: the same lists": lambda old: replace(old, lists={"u": []}),
    "answers: the same histories": lambda old: replace(old, histories={}),
}


def wrong(new: Held) -> list[str]:
    findings = Findings(Console(file=io.StringIO()))
    compare(held_data(), new, findings)
    return findings.wrong


def test_identical_data_has_no_differences() -> None:
    assert wrong(held_data()) == []


@pytest.mark.parametrize("name", CHANGES)
def test_the_comparison_names_what_is_lost(name: str) -> None:
    assert wrong(CHANGES[name](held_data())) == [name]


def test_a_new_version_may_add_fields_and_may_not_lose_any() -> None:
    old = {"counts": {"users": 1}, "metrics": [1, 2]}
    assert is_kept(old, old | {"format": 2, "counts": {"users": 1, "items": 2}})
    assert not is_kept(old, old | {"counts": {"items": 2}})
    assert not is_kept(old, {"counts": {"users": 1}})
    assert not is_kept(old, old | {"metrics": [1]})
