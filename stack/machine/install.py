"""Installs the project's environment: `python3 stack/machine/install.py run` (or `dev`, for the tests too).

make runs it with any Python of 3.10 or newer before anything is installed, so it imports the standard library
only. Packages come from the lock files by exact version and hash, by uv where it can be had and by pip where
not. Spark comes first, so that its jars are fetched while the other packages are installed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = ROOT / ".venv"
SECONDS_FILE = ENVIRONMENT / "install-seconds.json"
# The packages that fetching the jars needs: Spark's Ivy, a Java, and a progress bar.
FIRST = frozenset({"pyspark", "py4j", "install-jdk", "rich", "markdown-it-py", "mdurl", "pygments"})
OLDEST_PYTHON = (3, 10)
_PYTHON = ENVIRONMENT / "bin" / "python"


class InstallError(Exception):
    """An installation that failed; the message names the cure."""


def main(arguments: list[str]) -> int:
    """Install what ``arguments`` name; 0 where all is in place."""
    names = [path.stem for path in sorted((ROOT / "locks").glob("*.txt"))]
    if len(arguments) != 1 or arguments[0] not in names:
        print(f"usage: install.py {'|'.join(names)}", file=sys.stderr)
        return 2
    try:
        install(arguments[0])
    except InstallError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def install(lock: str) -> None:
    """Install the packages of locks/``lock``.txt, our own code as an editable one, Java and the jars.

    Raises InstallError.
    """
    if sys.version_info < OLDEST_PYTHON:
        oldest = ".".join(map(str, OLDEST_PYTHON))
        raise InstallError(f"Headwater needs Python {oldest} or newer: PYTHON=python3.11 make ... picks one")
    seconds: dict[str, float] = {}
    locked = (ROOT / "locks" / f"{lock}.txt").read_text(encoding="utf-8")
    with _time_phase("environment", seconds):
        make_environment()
        command = installer(locked)
    with _time_phase("Spark", seconds), _file(packages(locked, FIRST.__contains__)) as spark:
        first = [*command, "--require-hashes", "--no-deps", "--requirement", spark]
        run(first, "Spark could not be installed")
    with _time_phase("other packages and jars", seconds):
        jars = subprocess.Popen([str(_PYTHON), "-m", "stack.machine.setup"], cwd=ROOT)
        run(
            [*command, "--require-hashes", "--requirement", str(ROOT / "locks" / f"{lock}.txt")],
            "The packages could not be installed",
        )
        run(
            [*command, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)],
            "Headwater itself could not be installed",
        )
        if jars.wait():
            raise InstallError("Java or the jars are missing: the reason stands above")
    SECONDS_FILE.write_text(json.dumps(seconds), encoding="utf-8")
    print(f"Installed in {sum(seconds.values()):.0f} s.", flush=True)


def read_seconds() -> dict[str, float]:
    """The seconds of each step of the last installation; empty where this module did not install."""
    try:
        found = json.loads(SECONDS_FILE.read_text(encoding="utf-8"))
        return {str(name): float(spent) for name, spent in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def make_environment() -> None:
    """Make an empty virtual environment if there is none."""
    if _PYTHON.exists():
        return
    for module in ("venv", "virtualenv"):
        if subprocess.run([sys.executable, "-m", module, str(ENVIRONMENT)], check=False).returncode == 0:
            return
    raise InstallError(
        "Python's venv module is missing: on Debian or Ubuntu, sudo apt-get install python3-venv"
    )


def installer(locked: str) -> list[str]:
    """The first words of an install command: uv's, or pip's where the index has no uv for this machine."""
    pip = [str(_PYTHON), "-m", "pip", "--disable-pip-version-check"]
    with _file(packages(locked, "uv".__eq__)) as uv:
        found = subprocess.run([*pip, "install", "--quiet", "--require-hashes", "-r", uv], check=False)
    if found.returncode == 0:
        return [str(_PYTHON), "-m", "uv", "pip", "install", "--python", str(_PYTHON)]
    print("uv cannot be had here: pip installs, which takes longer", flush=True)
    run([*pip, "install", "--quiet", "--upgrade", "pip>=22"], "pip could not be brought up to date")
    return [*pip, "install"]


def packages(locked: str, is_wanted: Callable[[str], bool]) -> str:
    """The entries of a lock file (name==version ... --hash=...) of some packages, as a lock file."""
    lines: list[str] = []
    wanted = False
    for line in locked.splitlines():
        if line and not line[0].isspace():
            wanted = not line.startswith("#") and is_wanted(line.split("==")[0].strip().lower())
        if wanted:
            lines.append(line)
    return "\n".join(lines) + "\n"


def run(command: list[str], failure: str) -> None:
    """Run a command that shows its own progress. Raises InstallError."""
    if subprocess.run(command, cwd=ROOT, check=False).returncode:
        raise InstallError(f"{failure}: the reason stands above. Is the package index within reach?")


@contextmanager
def _time_phase(phase: str, seconds: dict[str, float]) -> Iterator[None]:
    print(f"Installing: {phase} ...", flush=True)
    started = time.monotonic()
    yield
    seconds[phase] = round(time.monotonic() - started, 1)


@contextmanager
def _file(text: str) -> Iterator[str]:
    descriptor, path = tempfile.mkstemp(suffix=".txt")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        yield path
    finally:
        os.unlink(path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
