"""What a person does with a wheel: installs it into an empty environment and starts its demo."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import venv
from pathlib import Path

from release.steps import ROOT, ReleaseError, run, say
from stack.machine.cache import cache_dir

_INSTALL_SECONDS, _DEMO_SECONDS = 1800.0, 1800.0
# What would let the demo find this checkout in place of the installed packages.
_NOT_FOR_THE_DEMO = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "HEADWATER_DATA_DIR")


def run_demo_of(wheel: Path) -> None:
    """Raises ReleaseError where the wheel does not install, or its demo serves no model.

    Java and the jars come from this checkout's cache, so that they are not fetched a second time.
    """
    with tempfile.TemporaryDirectory(prefix="headwater-release-") as made:
        folder = Path(made)
        say(f"Installing {wheel.name} into an empty environment")
        venv.create(folder / "environment", with_pip=False)
        python = folder / "environment" / "bin" / "python"
        install(wheel, python)
        (folder / "empty").mkdir()
        say("Starting its demo in an empty folder")
        summary = folder / "summary.json"
        ports = [word for port in ("api", "kafka", "redis") for word in (f"--{port}-port", "0")]
        run(
            [python.with_name("headwater"), "demo", "--once", *ports, "--json", summary],
            "The wheel's demo failed",
            folder=folder / "empty",
            environment=demo_environment(),
            seconds=_DEMO_SECONDS,
        )
        check(json.loads(summary.read_text(encoding="utf-8")))


def install(wheel: Path, python: Path) -> None:
    """The wheel with its extra `stack`, by the versions that were tested together."""
    command: list[str | Path] = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", python]
    constraints: list[str | Path] = ["--constraint", ROOT / "constraints.txt"]
    failure = "The wheel could not be installed (is the package index within reach?)"
    run([*command, *constraints, f"{wheel}[stack]"], failure, seconds=_INSTALL_SECONDS)


def demo_environment() -> dict[str, str]:
    """This process's environment without what leads to this checkout, with the place of Java and the jars."""
    kept = {name: value for name, value in os.environ.items() if name not in _NOT_FOR_THE_DEMO}
    return kept | {"HEADWATER_CACHE": str(cache_dir())}


def check(summary: dict[str, object]) -> None:
    """Raises ReleaseError where the demo's summary names no served model."""
    if not summary.get("model_version"):
        raise ReleaseError(f"The wheel's demo served no model: {summary}")
    say(f"The wheel's demo served model {summary['model_version']}")
