"""Puts Java and the jars in place, for `headwater setup`, for every start, and for the installation."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from stack.machine.class_data import ensure_archive
from stack.machine.errors import StackError
from stack.machine.jars import ensure_jars, needed_jars
from stack.machine.java import Java, ensure_java

_PLAIN_LINES = 4


def ensure_set_up(console: Console, with_s3: bool = False) -> Java:
    """Fetch Java and the jars if they are missing, and show the progress. Raises StackError."""
    java = ensure_java(lambda text: console.print(text, highlight=False))
    columns = (
        TextColumn("Fetching jars"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[jar]}"),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("jars", total=None, jar="", visible=False)

        def show(done: int, total: int, jar: str) -> None:
            bar.update(task, completed=done, total=total, jar=jar, visible=True)
            if not console.is_terminal and done % max(total // _PLAIN_LINES, 1) == 0:
                console.print(f"Fetching jars (once, about 100 MB): {done} of {total}", highlight=False)

        ensure_jars(show, jars=needed_jars(with_s3))
    return java


def ensure_fast_start(java: Java, console: Console) -> None:
    """Make the archive of Spark's classes if it is missing; without it Spark only starts more slowly."""
    ensure_archive(java, lambda text: console.print(text, highlight=False))


def main() -> int:
    """Run `python -m stack.machine.setup`: the exit code, 1 after a sentence where something is missing."""
    console = Console(stderr=True)
    try:
        ensure_fast_start(ensure_set_up(console), console)
    except StackError as error:
        console.print(str(error), style="red", highlight=False)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
