"""The README cannot drift: its links lead somewhere, its eight hops name what is there, its routes exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from contracts import settings
from contracts.settings import ServingSettings
from serving.app import create_app
from stack.cli import build_app

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\[[^\]]*\]\(([^)#]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_file(document: Path) -> None:
    targets = [link for link in LINK.findall(document.read_text(encoding="utf-8")) if "://" not in link]
    missing = [target for target in targets if not (document.parent / target).exists()]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_into_a_document_leads_to_a_heading(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    missing = [
        (target, anchor)
        for target, anchor in re.findall(r"\[[^\]]*\]\(([\w./-]*)#([\w-]+)\)", text)
        if anchor not in anchors(document.parent / target if target else document)
    ]
    assert missing == []


def anchors(document: Path) -> set[str]:
    """The names by which links reach the headings of a document."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_setting_that_a_document_names_exists(document: Path) -> None:
    known = {name.upper() for each in vars(settings).values() for name in getattr(each, "model_fields", ())}
    text = document.read_text(encoding="utf-8")
    code = set(re.findall(r"`([A-Z_]+)` in `", text)) | {"EVENT_RULES", "RANKING_METRICS", "USER_METRICS"}
    elsewhere = {"KAFKA_PORT", "HEADWATER_DATA_DIR", "HEADWATER_MAVEN_REPOSITORY"}
    elsewhere |= {"PIP_INDEX_URL", "GRAFANA_PASSWORD", "REDIS_PASSWORD"}
    elsewhere |= {"SASL_SSL", "SASL_PLAINTEXT"}  # values of a setting
    named = set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", text))
    assert named - known - code - elsewhere == set()


def hops() -> list[tuple[int, str, str]]:
    rows = re.findall(r"^\| (\d) \| (.+?) \|", README, re.MULTILINE)
    return [
        (int(hop), symbol, path)
        for hop, cell in rows
        for symbol, path in re.findall(r"\[`(\w+)`\]\(([^)]+)\)", cell)
    ]


def test_the_readme_follows_a_rating_in_eight_hops() -> None:
    assert sorted({hop for hop, _, _ in hops()}) == list(range(1, 9))


@pytest.mark.parametrize(("hop", "symbol", "path"), hops())
def test_each_hop_of_the_readme_names_a_symbol_of_its_file(hop: int, symbol: str, path: str) -> None:
    source = (ROOT / path).read_text(encoding="utf-8")
    assert re.search(rf"^\s*(?:async )?(?:def|class) {symbol}\b", source, re.MULTILINE), (hop, symbol, path)


def test_the_routes_in_the_examples_of_the_readme_exist() -> None:
    paths = create_app(ServingSettings()).openapi()["paths"]
    routes = re.findall(r"localhost:8000(/v1/[^?'\"\s]+)", README)
    assert len(routes) > 4
    for route in routes:
        shape = re.sub(r"/users/\w+/", "/users/{user_id}/", route)
        shape = re.sub(r"/items/\w+/", "/items/{item_id}/", shape)
        assert shape in paths, route


def test_the_commands_that_documents_name_exist() -> None:
    help_text = CliRunner().invoke(build_app([]), ["--help"]).output
    named = {"up", "status", "down", "doctor", "train", "rebuild", "repair", "rejects", "export", "demo"}
    named |= {"ingest", "verify"}
    for document in DOCUMENTS:
        named |= set(re.findall(r"(?:`|bin/)headwater ([a-z]+)", document.read_text(encoding="utf-8")))
    assert named <= set(re.findall(r"^\W*(\w+)\s{2,}", help_text, re.MULTILINE))
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"^make ([a-z-]+)", README, re.MULTILINE)) <= targets
