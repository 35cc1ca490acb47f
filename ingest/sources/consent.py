"""Whether a source may be sent: what would be refused is within bounds, and a person agrees."""

from __future__ import annotations

import sys
from collections.abc import Callable

from ingest.files.rejected_lines import SourceError
from ingest.sources.source import FileSource

Ask = Callable[[str], bool]


class TooMuchRefusedError(SourceError):
    """More of a source would be refused than is allowed, and nobody said that it is right so."""


class NothingToSendError(SourceError):
    """A source without a single row."""


class NotWantedError(SourceError):
    """The person at the terminal said no."""


def on_a_terminal() -> bool:
    """Whether somebody is there to be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def get_consent(source: FileSource, ask: Ask | None) -> None:
    """Return where the source may be sent. ``ask`` is None where nobody is to be asked.

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
                "read (--check shows it), or let them go with --most-refused SHARE"
            )
        if not ask(f"{sentence}. Send the others?"):
            raise NotWantedError("Nothing was sent")
    elif ask is not None and not ask(f"Send these {found.accepted:,} events?"):
        raise NotWantedError("Nothing was sent")
