"""The structure of the documentation is whole; `make docs` builds it with warnings as errors."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from release.site import API_MARKER, PAGES, SOURCE, follow, page_source
from release.steps import ROOT

DOCUMENTS = sorted(SOURCE.rglob("*.md"))


def pages_in_the_contents() -> set[str]:
    """The pages that the tables of contents list, as paths below docs/ without suffix."""
    found = {"index"}
    for path in DOCUMENTS:
        for block in re.findall(r"```\{toctree\}\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL):
            for entry in re.findall(r"^(?!:)(\S+)$", block, re.MULTILINE):
                found |= {str(each.relative_to(SOURCE))[:-3] for each in SOURCE.glob(f"{entry}.md")}
    return found


def test_every_document_is_in_a_table_of_contents_once_and_nothing_else_is() -> None:
    assert pages_in_the_contents() == {str(path.relative_to(SOURCE))[:-3] for path in DOCUMENTS}


def test_each_important_subject_has_a_page() -> None:
    needed = {"quick-start", "data", "api", "experiments", "operations", "security", "architecture"}
    assert needed | {"decisions", "glossary", "changelog"} <= pages_in_the_contents()


def test_documents_that_the_site_puts_into_a_page_exist_and_are_put_there() -> None:
    for document, page in PAGES.items():
        assert (ROOT / document).is_file()
        assert f"{{include}} ../{document}" in (SOURCE / f"{page}.md").read_text(encoding="utf-8")
    assert API_MARKER in (SOURCE / "api.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "text", "shown"),
    [
        ("architecture", "[a](../benchmarks/results.md)", "[a](benchmarks.md)"),
        ("decisions/any", "[a](../../benchmarks/results.md#b)", "[a](../benchmarks.md#b)"),
        ("filter", "[a](../serving/app.py) [b](glossary.md)", "[a](../serving/app.py) [b](glossary.md)"),
    ],
)
def test_a_link_that_works_on_github_leads_to_a_page_of_the_site(name: str, text: str, shown: str) -> None:
    assert page_source(name, text) == shown


def test_the_check_finds_dead_links_and_files_of_other_hosts(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<a href="b.html#there">x</a><a href="b.html#gone">x</a><a href="c.html">x</a>'
        '<a href="https://example.org/">x</a><script src="https://example.org/x.js"></script>'
    )
    (tmp_path / "b.html").write_text('<p id="there"></p><a href="#">up</a>')
    faults, pages, links = follow(tmp_path)
    assert [fault.split(" ", 1)[1] for fault in faults] == [
        "loads https://example.org/x.js from another host",
        "links to b.html#gone, a page that has no such part",
        "links to c.html, which does not exist",
    ]
    assert (pages, links) == (2, 4)
