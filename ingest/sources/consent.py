"""Decides whether a source may be sent: few enough rows are refused, and the person agrees."""

from __future__ import annotations

import sys
from collections.abc import Callable

from ingest.files.rejected_lines import SourceError
from ingest.sources.source import FileSource

Ask = Callable[[str], bool]


class TooMuchRefusedError(SourceError):
    """More of a source's rows would be refused than `--most-refused` allows."""


class NothingToSendError(SourceError):
    """The source has no row that could become an event."""


class NotWantedError(SourceError):
    """The person at the terminal declined."""


def on_a_terminal() -> bool:
    """Whether the command runs on a terminal, so that a person can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def get_consent(source: FileSource, ask: Ask | None) -> None:
    """Return if the source may be sent. ``ask`` asks the person; None sends without asking.

    Raises TooMuchRefusedError, NothingToSendError and NotWantedError.
    """
    found = source.examination
    bound = found.options.most_refused
    if not found.accepted + found.refused:
        named = ", ".join(loaded.table.shown_path.name for loaded in found.tables[:3])
        raise NothingToSendError(f"{named} holds no row that could become an event: nothing was sent")
    if found.refused_share > bound:
        cure = next(iter(found.reasons), "")
        sentence = (
            f"{found.refused:,} of {found.refused + found.accepted:,} rows ({found.refused_share:.1%}) would "
            f"be refused, more than {bound:.1%}"
        )
        if ask is None:
            raise TooMuchRefusedError(
                f"{sentence}; mostly: {cure}. Nothing was sent: say with the options how the source is to be "
                "read (--check shows it), or send only the rest with --most-refused SHARE"
            )
        if not ask(f"{sentence}. Send the others?"):
            raise NotWantedError("Nothing was sent")
    elif ask is not None and not ask(f"Send these {found.accepted:,} events?"):
        raise NotWantedError("Nothing was sent")
