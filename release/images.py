"""An image for each service, by a Docker engine where one answers, or by buildah, which needs none."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from release.source_tree import version
from release.steps import ROOT, ReleaseError, run, say

IMAGES = ("streaming", "training", "serving", "ingest", "experiments")
# Where packages and jars come from, if not from their usual places; the builder reads the value by itself.
_MIRRORS = ("PIP_INDEX_URL", "HEADWATER_MAVEN_REPOSITORY")
NO_BUILDER = (
    "No images were built: no Docker engine answers here, and buildah is not installed. Start Docker or "
    "install buildah, then run `python -m release images`"
)


def main() -> None:
    """Build the images of this checkout's version. Raises ReleaseError where that is not possible."""
    if not build_images(version()):
        raise ReleaseError(NO_BUILDER)


def build_images(number: str) -> bool:
    """Build an image for each service; False where this machine has nothing to build them with."""
    builder = find_builder()
    if builder is None:
        return False
    mirrors = [word for name in _MIRRORS if os.environ.get(name) for word in ("--build-arg", name)]
    for service in IMAGES:
        name = f"headwater-{service}:{number}"
        say(f"Image {name}, by {builder[0]}")
        command: list[str | Path] = [*builder, "--target", service, "--tag", name, *mirrors, ROOT]
        run(command, f"{name} could not be built")
    return True


def find_builder() -> Sequence[str] | None:
    """The command that builds images here, without its options; None where there is none.

    buildah takes its isolation and its storage from the environment (BUILDAH_ISOLATION, STORAGE_DRIVER).
    """
    if _docker_answers():
        return ("docker", "build")
    if shutil.which("buildah") is not None:
        # With layers, the images share the stages that they have in common.
        return ("buildah", "bud", "--layers")
    return None


def _docker_answers() -> bool:
    if shutil.which("docker") is None:
        return False
    try:
        asked = subprocess.run(["docker", "info"], capture_output=True, timeout=20, check=False)
    except subprocess.TimeoutExpired:
        return False
    return asked.returncode == 0
