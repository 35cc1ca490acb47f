"""Builds the state's Lua script with contract and settings as constants, so that calls need not pass them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.resources import files

from contracts.events import EVENT_TYPES, NEGATIVE_TYPES, RATING
from contracts.live_figures import KEEP_SECONDS
from contracts.live_outcomes import MOST_WAITING
from contracts.settings import StateSettings
from contracts.stored.records import COUNTED_TYPES, MICROS, OCTAVES, TYPE_CODES
from contracts.strengths import RIVALS, grade_steps, weights_by_type

_FIELDS_BEFORE_COUNTS = 2  # of records.Popularity: users, sum of ratings


def state_script(settings: StateSettings) -> str:
    """``apply_events.lua`` for these weights, half-lives, window and caps."""
    weights = weights_by_type(settings.event_weights)
    grades = [
        f"{{{_millionths(threshold)},{grade!r}}}"
        for threshold, grade in grade_steps(settings.rating_strengths)
    ]
    config = {
        "weights": _list(map(repr, weights)),
        "millionths": _list(str(_millionths(weight)) for weight in weights),
        "grades": _list(grades),
        "half_lives": _list(str(1000 * seconds) for seconds in settings.trend_half_lives),
        "window": str(settings.together_window),
        "degree": str(settings.together_degree),
        "cap": str(settings.history_cap),
        "positive": str(_millionths(settings.positive_rating)),
        "live_seconds": str(KEEP_SECONDS),
        "most_outcomes": str(MOST_WAITING),
        "earlier": str(settings.earlier_events),
    }
    return f"{contract_table()}local CONFIG={_table(config)}\n{lua(__package__, 'apply_events.lua')}"


@cache
def contract_table() -> str:
    """One line of Lua with what the script needs to know of event types; lists are indexed by type code."""
    rivals = [_list(str(TYPE_CODES[rival]) for rival in RIVALS.get(name, ())) for name in EVENT_TYPES]
    counters = [
        str(_FIELDS_BEFORE_COUNTS + 1 + COUNTED_TYPES.index(name)) if name in COUNTED_TYPES else "false"
        for name in EVENT_TYPES
    ]
    contract = {
        "types": str(len(EVENT_TYPES)),
        "counted": str(len(COUNTED_TYPES)),
        "rating": str(TYPE_CODES[RATING]),
        # false for what never counts: a retraction
        "rivals": _list(
            codes if name in RIVALS else "false" for name, codes in zip(EVENT_TYPES, rivals, strict=True)
        ),
        "counters": _list(counters),
        "octaves": str(OCTAVES),
        "negative": _list("true" if name in NEGATIVE_TYPES else "false" for name in EVENT_TYPES),
    }
    return f"local CONTRACT={_table(contract)}\n"


@cache
def lua(package: str, name: str) -> str:
    """The text of a script in a package, cached because every block of a batch needs it."""
    return files(package).joinpath(name).read_text()


def _millionths(value: float) -> int:
    return round(value * MICROS)


def _list(values: Iterable[str]) -> str:
    return "{" + ",".join(values) + "}"


def _table(fields: dict[str, str]) -> str:
    return _list(f"{name}={value}" for name, value in fields.items())
