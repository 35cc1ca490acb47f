from __future__ import annotations

import os
import pty
import sys
import webbrowser

import pytest
from rich.console import Console

from stack.run.open_page import enter_was_pressed, has_desktop, is_offered, open_where_asked


@pytest.mark.parametrize(
    ("platform", "environment", "has_one"),
    [
        ("linux", {"DISPLAY": ":0"}, True),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
        ("darwin", {}, True),
        ("linux", {}, False),
        ("linux", {"DISPLAY": ""}, False),
    ],
)
def test_a_desktop_is_recognised_by_its_environment_variables(
    platform: str, environment: dict[str, str], has_one: bool
) -> None:
    assert has_desktop(platform, environment) is has_one


def test_without_a_terminal_the_page_is_not_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":0")
    assert not is_offered(Console(force_terminal=True))  # pytest's stdin is no terminal


def test_enter_opens_the_page_once(monkeypatch: pytest.MonkeyPatch) -> None:
    keyboard, terminal = pty.openpty()
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    with os.fdopen(terminal) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        open_where_asked("http://here/")
        assert opened == []
        os.write(keyboard, b"\n")
        open_where_asked("http://here/")
        open_where_asked("http://here/")
    os.close(keyboard)
    assert opened == ["http://here/"]


def test_the_end_of_the_input_does_not_open_the_page() -> None:
    reader, writer = os.pipe()
    os.close(writer)
    assert not enter_was_pressed(reader)
    os.close(reader)
