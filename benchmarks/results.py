"""The newest results of each module: results.json, and results.md as a table for people."""

from __future__ import annotations

import fcntl
import json
import os
import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from os import cpu_count
from pathlib import Path

from benchmarks.context import Ratio
from clients.whole_file import write_whole


@dataclass(frozen=True)
class Measured:
    """The newest results of a module, with their scale and time."""

    scale: float
    date: str
    ratios: list[Ratio]


def store(folder: Path, name: str, measured: Measured, modules: Sequence[str]) -> None:
    """Put a module's results in place of its older ones; those of other modules stay.

    Several runs may store at once: each reads what the others have stored. ``modules`` are those that exist,
    in the order of the table; results of others are dropped.
    """
    with _alone(folder):
        results = {**_read(folder), name: measured}
        ordered = {each: results[each] for each in modules if each in results}
        text = json.dumps({each: asdict(found) for each, found in ordered.items()}, indent=2)
        write_whole(folder / "results.json", text + "\n")
        write_whole(folder / "results.md", as_markdown(ordered))


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Nobody else stores here meanwhile."""
    place = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(place, fcntl.LOCK_EX)
        yield
    finally:
        os.close(place)


def _read(folder: Path) -> dict[str, Measured]:
    path = folder / "results.json"
    stored = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return {
        name: Measured(entry["scale"], entry["date"], [Ratio(**ratio) for ratio in entry["ratios"]])
        for name, entry in stored.items()
    }


def as_markdown(results: dict[str, Measured]) -> str:
    """The table of results.md."""
    lines = [
        f"Measured on {cpu_count()} cores, {platform.system()}, Python {platform.python_version()}; "
        "each row's peer ran in the same minutes, in turn. Scale 1 is the full size.",
        "",
        "| what | ours | peer | ratio | goal | the peer | scale, date |",
        "|---|---:|---:|---:|---:|---|---|",
    ]
    for measured in results.values():
        for r in measured.ratios:
            goal = "" if r.target is None else f"≥ {r.target:.3g}{'' if r.is_met else ' (missed)'}"
            figures = f"{_figure(r.ours)} {r.unit} | {_figure(r.peer)} {r.unit} | {r.ratio:.2f}×"
            when = f"{measured.scale:g}, {measured.date}"
            lines.append(f"| {r.name} | {figures} | {goal} | {r.note} | {when} |")
    return "\n".join(lines) + "\n"


def _figure(value: float) -> str:
    """A number as text: large ones without decimals, small ones with three digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
