"""The files of the project as a clean clone has them, and the version that stands in pyproject.toml alone."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from release.steps import ROOT, ReleaseError


def version(tree: Path = ROOT) -> str:
    """The project's version. Raises ReleaseError where the changelog does not say what is in it."""
    found = re.search(r'^version = "([^"]+)"$', (tree / "pyproject.toml").read_text(encoding="utf-8"), re.M)
    if found is None:
        raise ReleaseError('pyproject.toml has no line `version = "..."`')
    changes = (tree / "CHANGELOG.md").read_text(encoding="utf-8")
    if not re.search(rf"^## {re.escape(found[1])} - \d{{4}}-\d\d-\d\d$", changes, re.MULTILINE):
        raise ReleaseError(f"CHANGELOG.md needs a section `## {found[1]} - YEAR-MONTH-DAY`")
    return found[1]


def files(tree: Path = ROOT) -> list[Path]:
    """What git tracks or would track, relative to the tree. Raises ReleaseError outside of a clone."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        raise ReleaseError(f"A release is made from a git clone, and {tree} is none")
    return [Path(name) for name in listed.stdout.split("\0") if name and (tree / name).is_file()]


def copy_to(folder: Path, names: Iterable[Path] | None = None) -> None:
    """Make ``folder`` hold these files, or the given ones, and nothing of an earlier build."""
    shutil.rmtree(folder, ignore_errors=True)
    for name in files() if names is None else names:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)


def packages() -> set[str]:
    """The packages that pyproject.toml puts into a wheel."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    section = project.split("[tool.setuptools.packages.find]", 1)[1].split("\n[", 1)[0]
    return set(re.findall(r'"(\w+)\*"', section))


def package_files() -> set[str]:
    """What a wheel must hold: each file of the packages, with the names that a wheel gives them."""
    shipped = packages()
    return {name.as_posix() for name in files() if name.parts[0] in shipped}
