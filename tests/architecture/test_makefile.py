"""`make test` runs every test; `make test-fast` leaves out what needs servers or time."""

from __future__ import annotations

import re
from pathlib import Path

MAKEFILE = (Path(__file__).resolve().parents[2] / "Makefile").read_text(encoding="utf-8")


def recipe(target: str) -> str:
    """The lines that make runs for a target."""
    found = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    assert found is not None
    return found[1]


def test_the_whole_suite_leaves_out_no_test_and_tries_every_example() -> None:
    assert "$(PYTEST)" in recipe("test")
    assert not re.search(r"\s-[mk]\b|--deselect|--ignore|--hypothesis-profile", recipe("test"))


def test_the_fast_tests_leave_out_those_that_need_servers_or_time() -> None:
    assert re.findall(r"-m '(.*?)'", recipe("test-fast")) == ["not servers and not slow"]
