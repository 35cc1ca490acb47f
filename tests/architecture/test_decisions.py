"""The decisions have one form, their numbers have no gaps, and every file that is referred to exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.architecture.test_layout import BESIDE, FILES, PACKAGES, ROOT

FOLDER = ROOT / "docs" / "decisions"
DECISIONS = sorted(FOLDER.glob("*.md"))
SECTIONS = ["Context", "Decision", "Consequences", "Limitations", "Measurements"]
PROSE = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_the_numbers_have_no_gaps() -> None:
    assert [int(path.name[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.name)
def test_a_decision_has_title_status_and_five_sections_with_text(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert re.match(rf"# {int(path.name[:4])}\. \S.*\n\nStatus: accepted, \d{{4}}-\d\d-\d\d", text)
    sections = re.split(r"^## (.+)\n\n", text, flags=re.MULTILINE)[1:]
    assert sections[::2] == SECTIONS
    assert all(body.strip() for body in sections[1::2])


@pytest.mark.parametrize("path", PROSE, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_link_to_a_decision_names_the_number_of_its_file(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for number, target in re.findall(r"\[ADR (\d+)\]\(([^)]+)\)", text):
        assert Path(target).name.startswith(f"{int(number):04}-"), target
    assert not re.search(r"(?<!\[)\bADR \d", text)


def test_every_decision_that_code_refers_to_exists() -> None:
    references = {
        (str(path.relative_to(ROOT)), reference)
        for path in (*FILES, *BESIDE, *PROSE)
        for reference in re.findall(r"decisions/(\d{4}[\w.-]*)", path.read_text(encoding="utf-8"))
    }
    names = {path.name for path in DECISIONS}
    assert {(path, name) for path, name in references if name.rstrip(".") not in names} == set()


def test_every_file_that_code_or_documents_name_by_its_path_exists() -> None:
    folders = "|".join((*PACKAGES, "tests", "benchmarks", "docs", "release", "watch"))
    name = re.compile(rf"(?<![\w/.])((?:{folders})/[\w/-]+\.(?:py|lua|md|yml))\b")
    named = {
        (str(path.relative_to(ROOT)), reference)
        for path in (*FILES, *BESIDE, *PROSE)
        for reference in name.findall(path.read_text(encoding="utf-8"))
    }
    assert {(path, reference) for path, reference in named if not (ROOT / reference).is_file()} == set()
