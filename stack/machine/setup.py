"""Java and jars in place: `headwater setup`, and what every start checks; also a program for the install."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from stack.machine.class_data import ensure_archive
from stack.machine.errors import StackError
from stack.machine.jars import ensure_jars
from stack.machine.java import Java, ensure_java

_PLAIN_LINES = 4


def ensure_set_up(console: Console) -> Java:
    """Java and jars, fetched if need be with progress shown. Raises StackError with the cure."""
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

        ensure_jars(show)
    return java


def ensure_fast_start(java: Java, console: Console) -> None:
    """The archive of Spark's classes, made if need be; without it Spark starts more slowly, no more."""
    ensure_archive(java, lambda text: console.print(text, highlight=False))


def main() -> int:
    """`python -m stack.machine.setup`: 1, with the cure said, where something cannot be had."""
    console = Console(stderr=True)
    try:
        ensure_fast_start(ensure_set_up(console), console)
    except StackError as error:
        console.print(str(error), style="red", highlight=False)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
