"""A clean world violates no invariant; each planted fault violates the right one."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid5

import pyarrow as pa
from hypothesis import assume, given
from hypothesis import strategies as st

from contracts.stored.records import Popularity
from stack.verify.check import verify
from stack.verify.derived_state import derived_state
from stack.verify.invariants import INVARIANTS, conservation, no_duplicates, no_invention, no_loss
from stack.verify.ledgers import PLACES, Ledgers
from stack.verify.violations import NotChecked, Violation
from streaming.state.apply import UserEvent
from tests.examples import examples
from tests.stack.ledger_world import (
    SETTINGS,
    Rows,
    Sent,
    World,
    cases,
    event_row,
    ledgers_of,
    oracle_state,
    replace_lake,
    without_lake_row,
    worlds,
)

FEW = examples(40)
NEW_ID = "ffffffff-0000-0000-0000-000000000000"


def _violations(ledgers: Ledgers) -> dict[str, list[Violation]]:
    """The violated invariants; all must have been checked."""
    found: dict[str, list[Violation]] = {}
    for invariant in INVARIANTS:
        violations = invariant.check(ledgers)
        assert not isinstance(violations, NotChecked)
        if violations:
            found[invariant.name] = violations
    return found


def test_the_runbook_has_a_line_for_each_invariant() -> None:
    runbook = (Path(__file__).parents[3] / "docs" / "operations.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| (I\d) ", runbook, re.MULTILINE) == [invariant.name for invariant in INVARIANTS]


@FEW
@given(worlds(), st.booleans())
def test_a_clean_world_violates_nothing(world: World, knows_poison: bool) -> None:
    ledgers = world.ledgers(knows_poison)
    assert _violations(ledgers) == {}
    assert no_loss(replace(ledgers, state=None)) == conservation(replace(ledgers, state=None)) == []


@FEW
@given(worlds(), st.sampled_from([0, 1000, 1001, 1_700_000_000_001, 1_900_000_000_000]), st.booleans())
def test_events_older_than_what_is_kept_are_not_missed(world: World, since: int, is_deleted: bool) -> None:
    def is_kept(sent: Sent) -> bool:
        return sent.event.entry.event_time >= since

    written = [*world.accepted, *world.landed]
    left = list(filter(is_kept, written))
    ledgers = replace_lake(world.ledgers(), [sent.row for sent in (left if is_deleted else written)])
    assert ledgers.state is not None
    state = oracle_state([sent.event for sent in left], SETTINGS)
    head = replace(ledgers.state.head, kept_since=since)
    bounded = replace(ledgers, kept_since=since, state=replace(ledgers.state, state=state, head=head))
    found = {invariant.name: invariant.check(bounded) for invariant in INVARIANTS}
    if is_deleted and not all(map(is_kept, world.landed)):  # no ledger has its offset
        places = found.pop("I4")
        assert isinstance(places, NotChecked) or places == []
    assert [name for name, violations in found.items() if violations] == []
    if since:
        assert isinstance(derived_state(replace(bounded, kept_since=since + 1)), NotChecked)


@FEW
@given(worlds(), st.sampled_from([0, 1000, 1_700_000_000_000, 1_800_000_000_000]))
def test_rows_that_an_erasure_removed_are_not_missed(world: World, until: int) -> None:
    def is_erased(sent: Sent) -> bool:
        return sent.event.user_id == "a" and sent.event.entry.event_time <= until

    left = [sent for sent in (*world.accepted, *world.landed) if not is_erased(sent)]
    ledgers = replace_lake(world.ledgers(), [sent.row for sent in left])
    assert ledgers.state is not None
    state = oracle_state([sent.event for sent in left], SETTINGS)
    for sent in (*world.accepted, *world.landed):
        state.popularity.setdefault(sent.event.item_id, Popularity())
    erased = replace(ledgers, erased={"a": until}, state=replace(ledgers.state, state=state))
    found = {invariant.name: invariant.check(erased) for invariant in INVARIANTS}
    if any(map(is_erased, world.landed)):  # no ledger has its offset
        places = found.pop("I4")
        assert isinstance(places, NotChecked) or places == []
    assert [name for name, violations in found.items() if violations] == []


@FEW
@given(worlds(), st.data())
def test_a_lost_event_is_reported(world: World, data: st.DataObject) -> None:
    assume(world.accepted)
    at = data.draw(st.integers(0, len(world.accepted) - 1))
    found = _violations(without_lake_row(world.ledgers(), at))
    (lost,) = found["I1"]
    place = world.accepted[at]
    assert lost.cases == 1
    assert lost.examples[0].startswith(f"interactions:{place.partition}:{place.offset} event ")
    assert [violation.cases for violation in found["I4"]] == [1]
    assert "I2" not in found
    assert "I3" not in found


@FEW
@given(worlds(), st.data())
def test_an_event_that_was_changed_on_its_way_is_reported(world: World, data: st.DataObject) -> None:
    assume(world.accepted)
    at = data.draw(st.integers(0, len(world.accepted) - 1))
    field, value = data.draw(
        st.sampled_from(
            [("user_id", "z"), ("item_id", "z"), ("value", 4.9), ("event_time", 7), ("event_id", NEW_ID)]
        )
    )
    rows = world.ledgers().lake.to_pylist()
    rows[at][field] = value
    assert cases(no_loss(replace_lake(world.ledgers(), rows))) == [1]


@FEW
@given(worlds(), st.data())
def test_a_wrongly_refused_event_is_reported_if_invalid_events_are_known(
    world: World, data: st.DataObject
) -> None:
    assume(world.accepted)
    at = data.draw(st.integers(0, len(world.accepted) - 1))
    place = {"partition": world.accepted[at].partition, "offset": world.accepted[at].offset}
    refused = pa.Table.from_pylist([*world.ledgers().refused.to_pylist(), place], PLACES)
    ledgers = replace(without_lake_row(world.ledgers(), at), rejected=refused)
    assert [violation.what for violation in no_loss(ledgers)] == [
        "acknowledged events were refused, but are no poison"
    ]
    assert no_loss(replace(ledgers, poison=None)) == []


def test_an_acknowledgement_without_an_offset_is_searched_by_its_id() -> None:
    lake: Rows = [event_row(0, 4, "a")]
    assert no_loss(ledgers_of([event_row(0, -1, "a")], lake)) == []
    assert cases(no_loss(ledgers_of([event_row(0, -1, "b")], lake))) == [1]


@FEW
@given(worlds(), st.data())
def test_a_row_that_is_stored_twice_is_reported(world: World, data: st.DataObject) -> None:
    rows = world.ledgers().lake.to_pylist()
    assume(rows)
    ledgers = replace_lake(world.ledgers(), [*rows, data.draw(st.sampled_from(rows))])
    assert cases(no_duplicates(ledgers)) == [1]
    assert cases(conservation(ledgers)) == [1]
    assert derived_state(ledgers) == []  # the last writer is the same


@FEW
@given(worlds(), st.data())
def test_a_topic_that_was_created_again_is_no_violation_and_what_is_doubled_in_it_is(
    world: World, data: st.DataObject
) -> None:
    assume(world.accepted)
    again = data.draw(
        st.lists(st.sampled_from(world.accepted), min_size=1, unique_by=lambda sent: sent.row["event_id"])
    )
    later = [_in_the_next_topic(sent) for sent in again]
    ledgers = replace(world, accepted=(*world.accepted, *later)).ledgers()
    assert ledgers.state is not None
    # The next topic ends before the earlier one did.
    ends = {f"interactions:{sent.partition}": 0 for sent in (*world.accepted, *world.landed)}
    for sent in later:
        place = f"interactions:{sent.partition}"
        ends[place] = max(ends[place], sent.offset + 1)
    head = replace(ledgers.state.head, applied_online=ends, applied_lake=ends)
    ledgers = replace(ledgers, state=replace(ledgers.state, head=head))
    assert _violations(ledgers) == {}
    assert verify(ledgers).counts["offsets_of_two_topics"] == len(later)

    doubled = replace_lake(ledgers, [*ledgers.lake.to_pylist(), later[0].row])
    assert cases(no_duplicates(doubled)) == [1]
    assert cases(conservation(doubled)) == [1]
    rows = [row for row in ledgers.lake.to_pylist() if row["event_id"] != later[0].row["event_id"]]
    assert cases(no_loss(replace_lake(ledgers, rows))) == [1]


def _in_the_next_topic(sent: Sent) -> Sent:
    """Another event at the same place."""
    user, item, entry = sent.event
    renamed = entry._replace(event_id=str(uuid5(UUID(entry.event_id), "next")))
    return replace(sent, event=UserEvent(user, item, renamed))


@FEW
@given(worlds(), st.data())
def test_two_events_with_one_id_are_reported(world: World, data: st.DataObject) -> None:
    rows = world.ledgers().lake.to_pylist()
    assume(rows)
    other = data.draw(st.sampled_from(rows)) | {"partition": 2, "offset": 0, "item_id": "another"}
    (found,) = no_duplicates(replace_lake(world.ledgers(), [*rows, other]))
    assert found.what == "event ids stand for more than one event"


@FEW
@given(worlds())
def test_a_row_that_no_producer_sent_is_reported_unless_others_may_have_written_it(world: World) -> None:
    ledgers = replace_lake(world.ledgers(), [*world.ledgers().lake.to_pylist(), event_row(5, 0, NEW_ID)])
    assert cases(no_invention(ledgers)) == [1]
    assert isinstance(no_invention(replace(ledgers, all_producers=False)), NotChecked)


def test_an_event_without_an_id_is_identified_by_its_offset() -> None:
    assert no_invention(ledgers_of([{"partition": 0, "offset": 4}], [event_row(0, 4, NEW_ID)])) == []


@FEW
@given(worlds())
def test_a_refused_event_that_left_no_trace_is_reported(world: World) -> None:
    assume(world.poison)
    ledgers = replace(world.ledgers(), rejected=world.ledgers().refused.slice(1))
    assert cases(conservation(ledgers)) == [1]
    assert cases(no_loss(ledgers)) == [1]


def test_a_gap_of_offsets_that_no_ledger_explains_is_reported() -> None:
    lake: Rows = [event_row(0, 4, "a"), event_row(0, 6, "b"), event_row(1, 0, "c")]
    (found,) = conservation(ledgers_of([], lake))
    assert (found.cases, found.examples) == (1, ["partition 0: 2 of 3 from 4 to 7, first hole at 5"])


@FEW
@given(worlds())
def test_a_committed_offset_that_is_not_in_the_lake_is_reported(world: World) -> None:
    state = world.state()
    head = replace(state.head, applied_lake=state.head.applied_lake | {"interactions:7": 3})
    ledgers = replace(world.ledgers(), state=replace(state, head=head))
    assert cases(conservation(ledgers)) == [3]
