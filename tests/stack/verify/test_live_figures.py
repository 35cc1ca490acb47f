"""I7 on clean worlds and on broken ones."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest

from contracts.live_figures import BATCH, FALLBACK, FRESH, kept_field
from contracts.live_outcomes import Outcome, Scored, day_fields
from experiments.observations.outcomes import rows_of
from stack.verify.ledgers import EVENTS, Ledgers
from stack.verify.live_figures import live_figures
from stack.verify.state_file import Live, State, StateFile
from stack.verify.violations import NotChecked
from tests.stack.ledger_world import SETTINGS, cases, event_row, head_of, ledgers_of

AT = 1_767_225_600_000
OUTCOMES = [
    Outcome(0, 1, AT, AT + 1, Scored("v", FRESH, 3, 13, None)),
    Outcome(0, 2, AT + 1, AT + 2, Scored("v", FALLBACK, None, None, None)),
    Outcome(1, 7, AT + 3_600_000, AT + 3_600_001, Scored("w", BATCH, 1, 1, 1)),
]
WAITING = 1  # the newest are not in the lake yet


@pytest.fixture
def clean() -> Ledgers:
    rows = [event_row(each.partition, each.offset, f"e{each.offset}") for each in OUTCOMES]
    ledgers = ledgers_of(rows, rows)
    days = day_fields((each.through, each.scored, 1) for each in OUTCOMES)
    days["20260101"] |= {kept_field(0, "v"): 2, kept_field(1, "w"): 1}
    live = Live(days, [each.encode() for each in OUTCOMES[-WAITING:]])
    state = StateFile(head_of(SETTINGS, {}), State({}, {}, {}, {}), live)
    return replace(ledgers, state=state, outcomes=rows_of(OUTCOMES[:-WAITING]))


def with_live(ledgers: Ledgers, live: Live | None) -> Ledgers:
    assert ledgers.state is not None
    return replace(ledgers, state=replace(ledgers.state, live=live))


def live_of(ledgers: Ledgers) -> Live:
    assert ledgers.state is not None
    assert ledgers.state.live is not None
    return ledgers.state.live


def test_figures_equal_to_the_recount_hold_even_if_an_outcome_is_in_redis_and_lake(clean: Ledgers) -> None:
    assert live_figures(clean) == []
    assert live_figures(replace(clean, outcomes=rows_of([*OUTCOMES, OUTCOMES[0]]))) == []


def test_each_figure_that_differs_is_reported(clean: Ledgers) -> None:
    lost = replace(clean, outcomes=clean.outcomes.slice(1))
    found = live_figures(lost)
    assert cases(found) == [5]  # the event, its hit, its NDCG, and its reciprocal rank in two lists
    assert not isinstance(found, NotChecked)
    assert "20260101 00|v|retrained|rr: Redis 76,923, recount 0" in found[0].examples
    flushed = with_live(clean, Live({}, []))
    assert cases(live_figures(flushed)) == [6]


def test_an_hour_whose_outcomes_are_incomplete_is_left_out(clean: Ledgers) -> None:
    live = live_of(clean)
    days = {"20260101": live.days["20260101"] | {kept_field(0, "v"): 1}}
    older = replace(with_live(clean, replace(live, days=days)), outcomes=clean.outcomes.slice(1))
    assert live_figures(older) == []


def test_days_that_redis_has_deleted_are_left_out(clean: Ledgers) -> None:
    old = Outcome(0, 0, AT - 36 * 86_400_000, AT, OUTCOMES[0].scored)
    rows = [event_row(0, 0, "e0"), *clean.lake.to_pylist()]
    kept = replace(clean, outcomes=rows_of([old, *OUTCOMES]), lake=pa.Table.from_pylist(rows, EVENTS))
    assert live_figures(kept) == []


def test_an_outcome_without_an_event_is_reported_unless_it_may_be_erased(clean: Ledgers) -> None:
    without = replace(clean, lake=clean.lake.slice(1))
    assert cases(live_figures(without)) == [1]
    assert live_figures(replace(without, erased={"a": AT})) == []


def test_an_export_of_an_earlier_version_is_not_checked(clean: Ledgers) -> None:
    assert isinstance(live_figures(with_live(clean, None)), NotChecked)
    assert isinstance(live_figures(replace(clean, state=None)), NotChecked)
