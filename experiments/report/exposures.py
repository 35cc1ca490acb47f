"""What users saw and then did, by model version and by experiment arm: as JSON and for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from contracts.experiments.assignment import arms_of
from contracts.live_figures import HOUR_MS, first_moment
from contracts.settings import ExperimentSettings
from experiments.observations.attribution import named_answers
from experiments.observations.exposure_counts import Shown, ShownRows
from experiments.observations.ids import codes
from experiments.observations.rows import ExperimentRows, read_all_rows

_NO_VERSION = "none"


class ShownFigures(BaseModel):
    """The figures of a group of exposures; a share or a mean is None where nothing was shown or done."""

    lists: int
    users: int
    impressions: int
    clicks: int
    click_through_rate: float | None
    clicks_per_user: float | None
    conversions: int = Field(
        description="Likes, purchases and ratings of at least POSITIVE_RATING, from the first list on"
    )
    conversions_per_user: float | None
    session_length: float | None = Field(description="Interactions a session")
    items: int = Field(description="How many different items were shown")
    coverage: float | None = Field(description="Their share of all items that were shown or interacted with")
    novelty: float | None = Field(description="The mean of -log2 of an item's share of all interactions")


class ExposureReport(BaseModel):
    """The figures of all exposures, by model version, and by arm ("run:arm")."""

    since_ms: int
    total: ShownFigures
    named_events: int = Field(description="Interactions that name an answer by its recommendation_id")
    named_not_shown: int = Field(
        description="Those of them that count for no list: forged or unreadable ids, those of other users, "
        "and those of answers without an exposure in these hours"
    )
    versions: dict[str, ShownFigures]
    arms: dict[str, ShownFigures]


def exposure_report(settings: ExperimentSettings, now_ms: int, hours: int) -> ExposureReport:
    """The report of the last hours, the present one included."""
    since_ms = first_moment(now_ms, hours)
    rows = read_all_rows(settings.lake_uri, since_ms)
    window_ms = int(settings.attribution_hours * HOUR_MS)
    return report_of_rows(rows, since_ms, window_ms, settings.positive_rating)


def report_of_rows(
    rows: ExperimentRows, since_ms: int, window_ms: int, positive_rating: float
) -> ExposureReport:
    """The report of these rows."""
    shown = ShownRows(rows, window_ms, positive_rating)
    named = named_answers(rows.exposures, rows.interactions)
    exposures = shown.exposures

    def figures(is_in_group: NDArray[np.bool_]) -> ShownFigures:
        return _figures(shown.of_group(is_in_group), shown.catalogue_items)

    versions = pc.fill_null(exposures["model_version"], _NO_VERSION)
    return ExposureReport(
        since_ms=since_ms,
        total=figures(np.ones(len(exposures), bool)),
        named_events=named.events,
        named_not_shown=named.not_shown,
        versions={name: figures(group) for name, group in _groups(versions)},
        arms={name: figures(group) for name, group in _arm_groups(exposures["arm"])},
    )


def _groups(column: object) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    values = pc.unique(column)
    places = codes(column, values)
    for name, place in sorted((name, place) for place, name in enumerate(values.to_pylist())):
        yield name, places == place


def _arm_groups(column: object) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """An exposure is in one arm of each experiment that it was part of."""
    groups: dict[str, NDArray[np.bool_]] = {}
    for text, group in _groups(column):
        for run, arm in arms_of(text).items():
            name = f"{run}:{arm}"
            groups[name] = groups[name] | group if name in groups else group
    yield from sorted(groups.items())


def _figures(shown: Shown, catalogue_items: int) -> ShownFigures:
    return ShownFigures(
        lists=shown.lists,
        users=shown.users,
        impressions=shown.impressions,
        clicks=shown.clicks,
        click_through_rate=_ratio(shown.clicks, shown.impressions),
        clicks_per_user=_ratio(shown.clicks, shown.users),
        conversions=shown.conversions,
        conversions_per_user=_ratio(shown.conversions, shown.users),
        session_length=_ratio(shown.interactions, shown.sessions),
        items=shown.items,
        coverage=_ratio(shown.items, catalogue_items),
        novelty=shown.novelty if shown.impressions else None,
    )


def _ratio(above: int, below: int) -> float | None:
    return above / below if below else None


_COLUMNS = (
    ("lists", "lists", ","),
    ("users", "users", ","),
    ("impressions", "shown", ","),
    ("clicks", "clicks", ","),
    ("click_through_rate", "CTR", ".4f"),
    ("clicks_per_user", "clicks/user", ".3f"),
    ("conversions_per_user", "conv./user", ".3f"),
    ("session_length", "session", ".2f"),
    ("coverage", "coverage", ".3f"),
    ("novelty", "novelty", ".2f"),
)


def as_text(report: ExposureReport) -> str:
    """A line for all exposures, for each version and each arm; what named answers count for no list."""
    if not report.total.lists:
        return "nothing was shown to known users in these hours (--hours looks further back)"
    named = {"all": report.total}
    named |= {f"version {name}": each for name, each in report.versions.items()}
    named |= {f"arm {name}": each for name, each in report.arms.items()}
    width = max(map(len, named))
    lines = [f"{'':<{width}} " + " ".join(f"{title:>11}" for _, title, _ in _COLUMNS)]
    for name, each in named.items():
        values = ((getattr(each, field), form) for field, _, form in _COLUMNS)
        cells = ("-" if value is None else format(value, form) for value, form in values)
        lines.append(f"{name:<{width}} " + " ".join(f"{cell:>11}" for cell in cells))
    if report.named_not_shown:
        lines.append(
            f"{report.named_not_shown:,} of {report.named_events:,} interactions that name an answer count "
            "for none: their recommendation_id is forged, another user's, or of a list that was not shown"
        )
    return "\n".join(lines)
