"""Counts by unit and day, made from rows of the lake: the input of the statistics.

A unit counts from its first exposure on. Only exposures in the arm that the unit is assigned to count. The
assignment is computed again here, so a client that names another arm changes no figure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from contracts.events import NEGATIVE_TYPES, RATING, RETRACT
from contracts.experiments.assignment import Arms, arms_of
from contracts.experiments.record import Experiment
from experiments.observations.attribution import clicked_places
from experiments.observations.ids import codes, whole_column
from experiments.observations.rows import ExperimentRows
from experiments.observations.shown_items import shown_items

DAY_MS, SESSION_GAP_MS = 86_400_000, 30 * 60 * 1000
CONVERSIONS = ("like", "purchase")
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Counts:
    """One row for each time that something happened: the unit, and the day since its first exposure."""

    unit: Ints
    day: Ints

    def by_unit(self, units: int, day: int | None = None) -> NDArray[np.float64]:
        """How often it happened to each unit, shape (units,); on one day where ``day`` is given."""
        rows = self.unit if day is None else self.unit[self.day == day]
        return np.bincount(rows, minlength=units).astype(np.float64)


@dataclass(frozen=True)
class Observations:
    """The units of a run, with one row for each in every array, and counts of what they saw and did."""

    unit_ids: pa.Array
    user_ids: pa.Array  # of each unit: itself, or whose session it is; null where nobody's
    arm: Ints  # the place of the unit's arm in the definition
    first: Ints  # the unit's first exposure, epoch ms
    before: NDArray[np.float64]  # interactions in the time before the run
    counts: Mapping[str, Counts]
    until_ms: int
    versions: Mapping[str, int] = field(default_factory=dict)  # model version -> exposures
    refused: int = 0  # exposures in another arm than the assignment's
    # The place of each stopped arm -> what units saw and did before it was stopped. Later its units do as
    # everybody does outside the experiment, and the control's have more time.
    before_stop: Mapping[int, Observations] = field(default_factory=dict)

    def comparable_with(self, place: int) -> Observations:
        """What the arm at this place and the control may be compared by."""
        return self.before_stop.get(place, self)

    def on_day(self, day: int) -> NDArray[np.bool_]:
        """Which units have been in the run for all of this day, counted from their first exposure."""
        return self.first + (day + 1) * DAY_MS <= self.until_ms


def observe(
    experiment: Experiment, rows: ExperimentRows, window_ms: int, until_ms: int, positive_rating: float
) -> Observations:
    """The observations of an experiment's run, until it stopped or until ``until_ms``."""
    until = min(until_ms, experiment.stopped_at or until_ms)
    places = {each.name: place for place, each in enumerate(experiment.definition.arms)}
    return replace(
        _observe_until(experiment, rows, window_ms, until, positive_rating),
        before_stop={
            places[each.arm]: _observe_until(
                experiment, rows, window_ms, min(each.at, until), positive_rating
            )
            for each in experiment.stopped_arms
        },
    )


def _observe_until(
    experiment: Experiment, rows: ExperimentRows, window_ms: int, until: int, positive_rating: float
) -> Observations:
    assert experiment.started_at is not None
    unit_column = "user_id" if experiment.definition.unit == "user" else "session_id"
    exposures = without_refuted(rows.exposures.filter(pc.less_equal(rows.exposures["event_time"], until)))
    exposures, unit_ids, arm, refused = _in_their_arms(experiment, exposures, unit_column)
    unit = codes(exposures[unit_column], unit_ids)
    times = times_of(exposures)
    first = np.full(len(unit_ids), np.iinfo(np.int64).max)
    np.minimum.at(first, unit, times)

    done = rows.interactions.filter(pc.less_equal(rows.interactions["event_time"], until))
    done = done.filter(pc.not_equal(done["event_type"], RETRACT))
    done_unit = codes(done[unit_column], unit_ids)
    known = done_unit >= 0
    done, done_unit = done.filter(pa.array(known)), done_unit[known]
    done_times = times_of(done)
    earlier = done_times < experiment.started_at
    before = np.bincount(done_unit[earlier], minlength=len(unit_ids)).astype(np.float64)
    shown, items = shown_items(exposures)
    liked = done.filter(pc.invert(pc.is_in(done["event_type"], pa.array(NEGATIVE_TYPES, pa.string()))))
    places = clicked_places(
        exposures, unit, shown, items, liked, codes(liked[unit_column], unit_ids), window_ms
    )
    since = done_times >= first[done_unit] if len(unit_ids) else np.zeros(0, bool)
    done, done_unit, done_times = done.filter(pa.array(since)), done_unit[since], done_times[since]

    def since_first(units: Ints, moments: Ints) -> Counts:
        return Counts(units, (moments - first[units]) // DAY_MS)

    converts = is_conversion(done, positive_rating)
    session_unit, session_time = session_starts(done, done_unit, done_times)
    clicked = shown[places]
    return Observations(
        unit_ids=unit_ids,
        user_ids=_users_of(exposures, unit),
        arm=arm,
        first=first,
        before=before,
        counts={
            "impressions": since_first(unit[shown], times[shown]),
            "clicks": since_first(unit[clicked], times[clicked]),
            "conversions": since_first(done_unit[converts], done_times[converts]),
            "interactions": since_first(done_unit, done_times),
            "sessions": since_first(session_unit, session_time),
        },
        until_ms=until,
        versions=_versions(exposures),
        refused=refused,
    )


def without_refuted(exposures: pa.Table) -> pa.Table:
    """Leave out what the API recorded as shown where a client has reported what was on the screen."""
    by_client = exposures.filter(pc.equal(exposures["reported_by"], "client"))
    told = pc.is_in(exposures["recommendation_id"], whole_column(by_client, "recommendation_id"))
    by_answer = pc.equal(exposures["reported_by"], "answer")
    return exposures.filter(pc.invert(pc.and_(told, by_answer)))


def _in_their_arms(
    experiment: Experiment, exposures: pa.Table, unit_column: str
) -> tuple[pa.Table, pa.Array, Ints, int]:
    """The exposures that name their unit's arm, the units, their arms, and how many others were left out."""
    whole = Arms(experiment.model_copy(update={"stopped_arms": ()}))
    names = {each.name: place for place, each in enumerate(experiment.definition.arms)}
    named = exposures.filter(pc.is_valid(exposures[unit_column]))
    ids = pc.unique(named[unit_column])
    assigned = (whole.assign(unit_id) for unit_id in ids.to_pylist())
    arms = np.array(
        [-1 if each is None or each.tester else names[each.arm.name] for each in assigned], dtype=np.int64
    )
    texts = pc.unique(named["arm"])
    said_by_text = np.array(
        [names.get(arms_of(text).get(experiment.salt, ""), -1) for text in texts.to_pylist()], dtype=np.int64
    )
    said = said_by_text[codes(named["arm"], texts)]
    unit = codes(named[unit_column], ids)
    right = (said >= 0) & (said == arms[unit])
    refused = int(((said >= 0) & ~right).sum())
    kept = named.filter(pa.array(right))
    unit_ids = pc.unique(kept[unit_column])
    return kept, unit_ids, arms[codes(unit_ids, ids)], refused


def _users_of(exposures: pa.Table, unit: Ints) -> pa.Array:
    """The user of each unit, by its first row."""
    rows = np.unique(unit, return_index=True)[1]
    return whole_column(exposures, "user_id").take(pa.array(rows))


def is_conversion(done: pa.Table, positive_rating: float) -> NDArray[np.bool_]:
    """Which interactions are likes, purchases, or ratings of ``positive_rating`` or more."""
    strong = pc.is_in(done["event_type"], pa.array(CONVERSIONS))
    rated = pc.and_(pc.equal(done["event_type"], RATING), pc.greater_equal(done["value"], positive_rating))
    return np.asarray(pc.or_(strong, pc.fill_null(rated, False)).to_numpy(), dtype=bool)


def session_starts(done: pa.Table, unit: Ints, times: Ints) -> tuple[Ints, Ints]:
    """The unit and the time of each session's first interaction.

    Interactions with one session id are a session. Without ids, a gap of half an hour ends a session.
    """
    sessions = codes(done["session_id"], pc.drop_null(pc.unique(done["session_id"])))
    order = np.lexsort((times, sessions, unit))
    unit, times, sessions = unit[order], times[order], sessions[order]
    if not len(unit):
        return unit, times
    starts = np.ones(len(unit), bool)
    same = (unit[1:] == unit[:-1]) & (sessions[1:] == sessions[:-1])
    starts[1:] = ~same | ((sessions[1:] < 0) & (times[1:] - times[:-1] > SESSION_GAP_MS))
    return unit[starts], times[starts]


def _versions(exposures: pa.Table) -> dict[str, int]:
    counted = pc.value_counts(exposures["model_version"]).to_pylist()
    return {each["values"] or "none": each["counts"] for each in counted}


def times_of(table: pa.Table) -> Ints:
    """The event times of rows, epoch ms."""
    return np.asarray(table["event_time"].to_numpy(), dtype=np.int64)
