"""The steps of a release: each says what it does, and a command that fails ends it with one sentence."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build"


class ReleaseError(Exception):
    """What went wrong, with the cure."""


def say(text: str) -> None:
    """One line about a step."""
    print(text, flush=True)


def run(
    command: Sequence[str | Path],
    failure: str,
    folder: Path = ROOT,
    environment: Mapping[str, str] | None = None,
    seconds: float | None = None,
) -> None:
    """Run a command that shows its own progress. Raises ReleaseError with ``failure``."""
    try:
        process = subprocess.Popen(command, cwd=folder, env=environment)
    except FileNotFoundError as missing:
        raise ReleaseError(f"{failure}: {command[0]} is not installed") from missing
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired as late:
        process.terminate()  # and not killed: a stack stops its own processes
        process.wait()
        raise ReleaseError(f"{failure}: it did not end within {seconds:g} s") from late
    if process.returncode:
        raise ReleaseError(f"{failure}: the reason stands above")
