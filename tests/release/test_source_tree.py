from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

import pytest

from release import source_tree
from release.steps import ROOT, ReleaseError
from tests.architecture.test_layout import PACKAGES


def test_the_version_is_written_in_one_place_and_has_a_section_in_the_changelog() -> None:
    number = source_tree.version()
    assert metadata.version("headwater") == number
    holding = [
        str(name)
        for name in source_tree.files()
        if name.suffix in {".py", ".toml", ".in", ".yml"} or name.name in {"Makefile", "Dockerfile"}
        if re.search(rf'["\'= ]{re.escape(number)}["\']', (ROOT / name).read_text(encoding="utf-8"))
    ]
    assert holding == ["pyproject.toml"]


def test_a_version_without_a_section_in_the_changelog_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('version = "1.2.0"\n')
    (tmp_path / "CHANGELOG.md").write_text("## 1.1.0 - 2026-01-01\n")
    with pytest.raises(ReleaseError, match="needs a section"):
        source_tree.version(tmp_path)


def test_the_error_names_a_folder_outside_of_a_clone(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="from a git clone"):
        source_tree.files(tmp_path)


def test_the_packages_are_those_in_docs_architecture() -> None:
    assert source_tree.packages() == set(PACKAGES)
    assert "stack/machine/jars.lock" in source_tree.package_files()
