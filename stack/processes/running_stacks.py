"""Finds the stacks that run: each one notes its data folder in a place that all of a user's commands read."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

from clients.whole_file import write_whole
from stack.processes.run_state import Folders, RunState

FORMAT = 1


def notes_dir() -> Path:
    """HEADWATER_RUNNING_DIR, else a folder in the user's cache. Raises RuntimeError without a home."""
    chosen = os.environ.get("HEADWATER_RUNNING_DIR")
    if chosen:
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "headwater" / "running"


@contextmanager
def note_stack(folders: Folders) -> Iterator[None]:
    """Let commands find the stack on these folders while it runs.

    Where no note can be written the stack still runs, and commands need --data-dir.
    """
    note = None
    with suppress(OSError, RuntimeError):
        note = notes_dir() / f"{sha256(str(folders.data).encode()).hexdigest()[:16]}.json"
        note.parent.mkdir(parents=True, exist_ok=True)
        write_whole(note, json.dumps({"format": FORMAT, "data_dir": str(folders.data)}))
    try:
        yield
    finally:
        if note is not None:
            with suppress(OSError):
                note.unlink(missing_ok=True)


def running_stacks() -> list[Folders]:
    """The folders of every stack whose supervisor runs; notes of killed supervisors are ignored."""
    try:
        notes = sorted(notes_dir().glob("*.json"))
    except (OSError, RuntimeError):
        return []
    found = [folders for note in notes if (folders := _read(note)) is not None]
    return sorted((each for each in found if RunState.read(each)), key=lambda each: each.data)


def _read(note: Path) -> Folders | None:
    try:
        return Folders(Path(json.loads(note.read_text(encoding="utf-8"))["data_dir"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
