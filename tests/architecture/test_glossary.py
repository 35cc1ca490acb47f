"""docs/glossary.md is in alphabetical order, and the code that it names exists."""

from __future__ import annotations

import re

import pytest

from tests.architecture.test_layout import ROOT

GROUPS = re.split(r"^## ", (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8"), flags=re.MULTILINE)[
    1:
]
ROWS = [re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", group, re.MULTILINE)[1:] for group in GROUPS]
TERMS = [(term, code) for rows in ROWS for term, _, code in rows]


@pytest.mark.parametrize("rows", ROWS, ids=[group.splitlines()[0] for group in GROUPS])
def test_the_terms_of_a_group_are_in_alphabetical_order(rows: list[tuple[str, str, str]]) -> None:
    terms = [term.casefold().replace("-", " ") for term, _, _ in rows]
    assert terms
    assert terms == sorted(terms)


def test_no_term_is_explained_twice() -> None:
    terms = [term for term, _ in TERMS]
    assert len(terms) == len(set(terms))


@pytest.mark.parametrize(("term", "code"), TERMS)
def test_the_code_of_a_term_exists(term: str, code: str) -> None:
    place = re.fullmatch(r"(?:`(\w+)` in )?`([\w/]+\.py)`", code)
    assert place is not None, term
    symbol, path = place.groups()
    source = (ROOT / path).read_text(encoding="utf-8")
    assert symbol is None or re.search(rf"^\s*(?:async def |def |class )?{symbol}\b", source, re.MULTILINE)
