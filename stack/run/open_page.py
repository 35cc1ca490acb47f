"""Opens the page in a browser, if there is a desktop and somebody at the terminal asks for it."""

from __future__ import annotations

import os
import select
import sys
import webbrowser
from collections.abc import Mapping

from rich.console import Console

_DESKTOP_VARIABLES = ("DISPLAY", "WAYLAND_DISPLAY")
OFFER = "Press Enter to open the page in a browser."


def has_desktop(platform: str, environment: Mapping[str, str]) -> bool:
    """Whether a browser could show a window here."""
    return platform == "darwin" or any(environment.get(name) for name in _DESKTOP_VARIABLES)


def is_offered(console: Console) -> bool:
    """Whether to offer the page: there is a desktop, and somebody reads and types on a terminal."""
    return console.is_terminal and sys.stdin.isatty() and has_desktop(sys.platform, os.environ)


def enter_was_pressed(descriptor: int) -> bool:
    """Whether a line was typed since the last call; reads that line, and does not wait for one."""
    ready, _, _ = select.select([descriptor], [], [], 0)
    return bool(ready) and os.read(descriptor, 4096) != b""


def open_where_asked(url: str) -> None:
    """Open the page if Enter was pressed."""
    if enter_was_pressed(sys.stdin.fileno()):
        webbrowser.open(url)
