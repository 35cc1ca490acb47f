"""The tables of faults and threats name tests that exist."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from contracts.settings import ServingSettings
from tests.faults import nightly

ROOT = Path(__file__).resolve().parents[2]
_PATHS = re.compile(r"tests/[\w/]+\.py")
_NIGHTLY = re.compile(r"nightly ((?:`[a-z-]+`(?:, )?)+)")
_NAME = re.compile(r"`([a-z-]+)`")


@pytest.mark.parametrize("page", ["operations.md", "security.md"])
def test_each_test_file_that_a_table_names_exists(page: str) -> None:
    named = set(_PATHS.findall((ROOT / "docs" / page).read_text(encoding="utf-8")))
    assert len(named) > 10
    missing = {path for path in named if not (ROOT / path).is_file()}
    assert missing == set()
    assert [path for path in named if "def test_" not in (ROOT / path).read_text(encoding="utf-8")] == []


def fault_rows(heading: str) -> list[list[str]]:
    """The rows of the table below a heading of docs/operations.md, without its head."""
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    table = text.partition(f"### {heading}")[2].partition("\n#")[0]
    return [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| ")][1:]


def test_each_of_the_fifteen_faults_has_its_test_and_its_last_figures() -> None:
    rows = fault_rows("The fifteen faults")
    assert [row[0] for row in rows] == [str(number) for number in range(1, 16)]
    for _, fault, test, asserted, figures in rows:
        assert _NIGHTLY.search(test) or _PATHS.search(test), fault
        assert asserted, fault
        assert figures == "in `make test`" or "(20" in figures, fault


def test_each_further_fault_has_its_test() -> None:
    rows = fault_rows("Further faults")
    assert len(rows) >= 15
    for fault, test, asserted in rows:
        assert _NIGHTLY.search(test) or _PATHS.search(test) or "security.md" in test, fault
        assert asserted, fault


def test_the_pages_table_of_the_nightly_run_is_what_it_runs() -> None:
    known = nightly.scenarios(argparse.Namespace()).keys()
    assert {row[0] for row in fault_rows("What `make nightly` runs")} == known - {"kills"}
    for row in [*fault_rows("The fifteen faults"), *fault_rows("Further faults")]:
        named = {name for cell in row for names in _NIGHTLY.findall(cell) for name in _NAME.findall(names)}
        assert named <= known, row


def security_rows(heading: str) -> list[list[str]]:
    """The rows of the table below a heading of docs/security.md, without its head."""
    text = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    section = text.partition(f"### {heading}")[2].partition("\n## ")[0].partition("\n### ")[0]
    return [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")][1:]


def test_the_table_has_each_row_of_the_owasp_list_with_a_test() -> None:
    rows = security_rows("The OWASP API Security Top 10")
    assert [row[0].split()[0] for row in rows] == [f"API{number}" for number in range(1, 11)]
    assert all(_PATHS.search(row[2]) for row in rows)


def test_each_setting_of_the_security_page_exists() -> None:
    named = re.findall(
        r"\b[A-Z]+(?:_[A-Z]+)+\b", " ".join(row[0] for row in security_rows("What each setting"))
    )
    assert len(named) >= 15
    fields = ServingSettings.model_fields.keys()
    assert [name for name in named if name.lower() not in fields] == []
