"""The state's script with its settings written in front, so that no call has to carry them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.resources import files

from contracts.events import EVENT_TYPES
from contracts.settings import StateSettings
from contracts.stored.records import MICROS


def state_script(settings: StateSettings) -> str:
    """``apply_events.lua`` for these weights, half-lives, window and cap."""
    weights = [settings.event_weights.get(name, 0.0) for name in EVENT_TYPES]
    grades = [f"{{{_millionths(t)},{s!r}}}" for t, s in sorted(settings.rating_strengths.items())]
    config = {
        "weights": _table(map(repr, weights)),
        "millionths": _table(str(_millionths(weight)) for weight in weights),
        "grades": _table(grades),
        "half_lives": _table(str(1000 * seconds) for seconds in settings.trend_half_lives),
        "window": str(settings.together_window),
        "degree": str(settings.together_degree),
        "cap": str(settings.history_cap),
    }
    fields = ",".join(f"{name}={value}" for name, value in config.items())
    return f"local CONFIG={{{fields}}}\n" + lua(__package__, "apply_events.lua")


@cache
def lua(package: str, name: str) -> str:
    """The text of a script in a package, read once: every block of a batch asks for some."""
    return files(package).joinpath(name).read_text()


def _millionths(value: float) -> int:
    return round(value * MICROS)


def _table(values: Iterable[str]) -> str:
    return "{" + ",".join(values) + "}"
