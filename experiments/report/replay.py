"""What another ranking of drawn items would have earned, from logged propensities: as JSON and as text."""

from __future__ import annotations

import math

import numpy as np
from pydantic import BaseModel, Field

from contracts.live_figures import HOUR_MS, first_moment
from contracts.settings import ExperimentSettings
from experiments.observations.draws import Draws, Floats, Ints, draws_of
from experiments.observations.rows import read_all_rows
from experiments.report.ranking_file import EVERYBODY, Weights
from experiments.statistics.replay import (
    Logged,
    ReplayEstimate,
    doubly_robust,
    inverse_propensity,
    self_normalised,
)

_FOLDS = 5  # predictions of a user's rewards come from the users of the other folds
_PRIOR_DRAWS = 20.0  # how many draws at the common rate an item's own rate is mixed with


class Estimate(BaseModel):
    """Clicks for each drawn place; None where nothing can be said."""

    value: float | None
    low: float | None = Field(description="The lower end of the 95 % interval")
    high: float | None
    effective_decisions: float = Field(
        description="How many decisions the weights leave: few, and it says little"
    )


class ReplayReport(BaseModel):
    """Three estimates of the other ranking beside what the draws earned. Intervals are over users."""

    since_ms: int
    decisions: int = Field(description="Draws, and lists in which no place was drawn")
    draws: int
    users: int
    unseen: float | None = Field(description="The other ranking's share of items that were never drawn")
    as_drawn: Estimate
    inverse_propensity: Estimate
    self_normalised: Estimate
    doubly_robust: Estimate


def replay_report(
    settings: ExperimentSettings, ranking: Weights | None, now_ms: int, hours: int
) -> ReplayReport:
    """The report of the last hours, with the present one; without a ranking, all drawn items are alike."""
    since_ms = first_moment(now_ms, hours)
    window_ms = int(settings.attribution_hours * HOUR_MS)
    return report_of_draws(draws_of(read_all_rows(settings.lake_uri, since_ms), window_ms), ranking, since_ms)


def report_of_draws(draws: Draws, ranking: Weights | None, since_ms: int) -> ReplayReport:
    """The report of these decisions."""
    ranking = ranking or {EVERYBODY: dict.fromkeys(draws.item_ids.to_pylist(), 1.0)}
    if EVERYBODY not in ranking:
        draws = _of_users(draws, ranking)
    other = _Other(draws, ranking)
    target = np.where(draws.has_item, other.shares[other.row, draws.item], 0.0)
    logged = Logged(draws.clicked, draws.propensity, target)
    predicted, predicted_target = _predictions(draws, other)
    return ReplayReport(
        since_ms=since_ms,
        decisions=len(draws.user),
        draws=int(draws.has_item.sum()),
        users=len(np.unique(draws.user)),
        unseen=_finite(float(other.unseen[other.row].mean())) if len(other.row) else None,
        as_drawn=_estimate(_as_drawn(draws)),
        inverse_propensity=_estimate(inverse_propensity(logged, units=draws.user)),
        self_normalised=_estimate(self_normalised(logged, units=draws.user)),
        doubly_robust=_estimate(doubly_robust(logged, predicted, predicted_target, units=draws.user)),
    )


class _Other:
    """The other ranking as probabilities.

    ``shares`` has a row for each user that it names, or one for everybody, and a column for each drawn item;
    ``row`` is that of each decision, and ``unseen`` what each row leaves for items that were never drawn.
    """

    def __init__(self, draws: Draws, ranking: Weights) -> None:
        column = {item: place for place, item in enumerate(draws.item_ids.to_pylist())}
        rows = list(ranking)
        self.shares = np.zeros((len(rows), max(1, len(column))))
        for row, user in enumerate(rows):
            total = sum(ranking[user].values())
            for item, weight in ranking[user].items():
                if item in column and total > 0:
                    self.shares[row, column[item]] += weight / total
        self.unseen: Floats = 1.0 - self.shares.sum(axis=1)
        place = {user: row for row, user in enumerate(rows)}
        of_user = np.array([place.get(user, place.get(EVERYBODY, 0)) for user in draws.user_ids.to_pylist()])
        self.row: Ints = of_user[draws.user].astype(np.int64) if len(draws.user) else draws.user


def _of_users(draws: Draws, ranking: Weights) -> Draws:
    """The decisions for users that the ranking names."""
    named = np.array([user in ranking for user in draws.user_ids.to_pylist()], dtype=bool)
    kept = named[draws.user] if len(draws.user) else np.zeros(0, bool)
    return draws._replace(
        user=draws.user[kept],
        item=draws.item[kept],
        propensity=draws.propensity[kept],
        clicked=draws.clicked[kept],
    )


def _predictions(draws: Draws, other: _Other) -> tuple[Floats, Floats]:
    """Expected clicks of what was drawn and of what the other ranking shows, by items' rates.

    The rates are those of other users, so that no reward predicts itself.
    """
    fold, items = draws.user % _FOLDS, other.shares.shape[1]
    predicted, target = np.zeros(len(draws.user)), np.zeros(len(draws.user))
    for each in range(_FOLDS):
        learnt, told = draws.has_item & (fold != each), fold == each
        shown = np.bincount(draws.item[learnt], minlength=items)
        clicks = np.bincount(draws.item[learnt], draws.clicked[learnt], minlength=items)
        common = clicks.sum() / max(1, shown.sum())
        rate = (clicks + _PRIOR_DRAWS * common) / (shown + _PRIOR_DRAWS)
        predicted[told] = np.where(draws.has_item[told], rate[draws.item[told]], 0.0)
        of_row = other.shares @ rate + other.unseen * common
        target[told] = of_row[other.row[told]]
    return predicted, target


def _as_drawn(draws: Draws) -> ReplayEstimate:
    """What the draws earned: an estimate of the very ranking that was logged, so that every weight is 1."""
    drawn = draws.has_item
    ones = np.ones(int(drawn.sum()))
    return self_normalised(Logged(draws.clicked[drawn], ones, ones), units=draws.user[drawn])


def _estimate(found: ReplayEstimate) -> Estimate:
    return Estimate(
        value=_finite(found.value),
        low=_finite(found.low),
        high=_finite(found.high),
        effective_decisions=round(found.effective_rows, 1),
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


_NAMES = {
    "as_drawn": "as it was drawn",
    "inverse_propensity": "inverse propensity (IPS)",
    "self_normalised": "self-normalised (SNIPS)",
    "doubly_robust": "doubly robust",
}


def as_text(report: ReplayReport) -> str:
    """A line for each estimate of drawn places."""
    if not report.draws:
        return (
            "no place was drawn in these hours (--hours looks further back): EXPLORE_NEW, EXPLORE_SLOTS or "
            "an arm of an experiment gives places to new items at random"
        )
    first = (
        f"{report.draws:,} draws in {report.decisions:,} decisions for {report.users:,} users; "
        f"{report.unseen or 0:.0%} of the other ranking is of items that were never drawn"
    )
    return "\n".join([first, *_table(report, "clicks for a drawn place")])


def arms_as_text(report: ReplayReport, unit: str) -> str:
    """A line for each estimate of an experiment's arms; ``unit`` is what was put into them."""
    if not report.draws:
        kind = "known user" if unit == "user" else f"{unit} of a known user"
        return f"no {kind} is in this experiment yet"
    first = (
        f"{report.draws:,} {unit}s of {report.users:,} users; "
        f"{report.unseen or 0:.0%} of the other rule is for arms that nobody was put into"
    )
    return "\n".join([first, *_table(report, f"clicks for each {unit}")])


def _table(report: ReplayReport, heading: str) -> list[str]:
    lines = [f"{heading:<26} {'value':>8} {'95 % interval':>20} {'effective decisions':>20}"]
    for field, name in _NAMES.items():
        each: Estimate = getattr(report, field)
        reach = "-" if each.low is None else f"{each.low:.4f} to {each.high:.4f}"
        value = "-" if each.value is None else f"{each.value:.4f}"
        lines.append(f"{name:<26} {value:>8} {reach:>20} {each.effective_decisions:>20,.0f}")
    return lines
