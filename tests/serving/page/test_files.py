from __future__ import annotations

import asyncio
import gzip
import re
from pathlib import Path

import pytest

from serving.page.files import FOLDER, HEADERS, POLICY
from tests.serving.conftest import Client

MAX_COMPRESSED = 150_000
FILES = sorted(path for path in FOLDER.rglob("*") if path.is_file())
OURS = [path for path in FILES if path.parent == FOLDER]
# Ways by which text becomes markup or code.
DANGEROUS = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc")


def test_the_page_and_its_files_come_with_a_strict_policy_and_no_other_host(api: Client) -> None:
    async def scenario() -> None:
        async with api() as client:
            answers = [await client.get("/")]
            answers += [await client.get(f"/page/{path.relative_to(FOLDER)}") for path in FILES]
            outside = await client.get("/page/..%2ffiles.py")
        assert {answer.status_code for answer in answers} == {200}
        for answer in answers:
            assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
        assert outside.status_code == 404
        assert "unsafe" not in POLICY

    asyncio.run(scenario())


def test_large_files_are_sent_compressed(api: Client) -> None:
    async def scenario() -> None:
        async with api() as client:
            answer = await client.get("/page/vendor/uplot.js")
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.headers["vary"] == "Accept-Encoding"
        assert answer.content == (FOLDER / "vendor" / "uplot.js").read_bytes()

    asyncio.run(scenario())


def test_every_file_that_the_page_names_is_served_and_no_script_is_inline() -> None:
    text = (FOLDER / "index.html").read_text()
    named = re.findall(r'(?:src|href)="\./page/([^"]+)"', text)
    assert named
    assert [name for name in named if not (FOLDER / name).is_file()] == []
    assert re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", text) is None
    for module in FOLDER.glob("*.js"):
        imported = re.findall(r'from "\./([^"]+)"', module.read_text())
        assert [name for name in imported if not (FOLDER / name).is_file()] == []


def test_the_page_preloads_every_module_of_the_first_view() -> None:
    text = (FOLDER / "index.html").read_text()
    needed, found = ["app.js"], {"app.js"}
    while needed:
        source = (FOLDER / needed.pop()).read_text()
        new = set(re.findall(r'^import .* from "\./([^"]+)"', source, re.MULTILINE)) - found
        found |= new
        needed += [name for name in new if "/" not in name]
    assert set(re.findall(r'modulepreload" href="\./page/([^"]+)"', text)) == found - {"app.js"}


def test_the_files_of_the_page_stay_below_their_size_limit() -> None:
    assert sum(len(gzip.compress(path.read_bytes())) for path in FILES) <= MAX_COMPRESSED


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_no_source_of_the_page_turns_text_into_markup_or_calls_another_host(path: Path) -> None:
    text = path.read_text().replace("http://www.w3.org/2000/svg", "")
    assert DANGEROUS.findall(text) == []
    assert re.findall(r"https?://", text) == []
