"""Wheel, sdist and images: built from a clean copy, checked, and run from an empty environment and folder."""

from __future__ import annotations

import hashlib
import shutil
import sys
import zipfile
from pathlib import Path

from release.first_run import run_demo_of
from release.images import NO_BUILDER, build_images
from release.source_tree import copy_to, package_files, version
from release.steps import BUILD, ROOT, ReleaseError, run, say

DISTRIBUTIONS = BUILD / "dist"


def main() -> None:
    """All steps of a release; nothing is uploaded. Raises ReleaseError."""
    number = version()
    say(f"Headwater {number}: wheel and sdist")
    wheel, sdist = build(BUILD / "release-source")
    run([sys.executable, "-m", "twine", "check", "--strict", wheel, sdist], "twine found a fault")
    if missing := missing_files(wheel):
        raise ReleaseError(f"The wheel lacks {', '.join(sorted(missing))}: name them in pyproject.toml")
    run_demo_of(wheel)
    with_images = build_images(number)
    for path in (wheel, sdist):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        say(f"{path.relative_to(ROOT)}  {path.stat().st_size:,} bytes  sha256 {digest}")
    if not with_images:
        say(NO_BUILDER)


def build(source: Path) -> tuple[Path, Path]:
    """Wheel and sdist in DISTRIBUTIONS; the wheel is built from the sdist, so the sdist is whole.

    Without isolation, because the build's packages are locked and installed, and need no index.
    """
    copy_to(source)
    shutil.rmtree(DISTRIBUTIONS, ignore_errors=True)
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "build",
        "--no-isolation",
        "--outdir",
        DISTRIBUTIONS,
        source,
    ]
    run(command, "The distributions could not be built")
    (wheel,), (sdist,) = DISTRIBUTIONS.glob("*.whl"), DISTRIBUTIONS.glob("*.tar.gz")
    return wheel, sdist


def missing_files(wheel: Path) -> set[str]:
    """The files of the packages that a wheel does not hold."""
    with zipfile.ZipFile(wheel) as archive:
        return package_files() - set(archive.namelist())
