"""The options by which a source is read, the same for every command that reads one."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

from ingest.meaning.options import ReadingOptions, reading_options

T = TypeVar("T")
_PARAMETER = "reading"


@dataclass(frozen=True)
class TypedReading:
    """The options as they were typed."""

    columns: Annotated[
        str | None,
        typer.Option(metavar="user=…,item=…", help="Column of each part; value=- leaves a part out."),
    ] = None
    rating_scale: Annotated[
        str | None, typer.Option(metavar="MIN:MAX|likes|counts", help="Instead of what the values show.")
    ] = None
    zero_means: Annotated[
        str | None, typer.Option(metavar="unrated|worst", help="What a rating of 0 is.")
    ] = None
    type: Annotated[
        str | None,
        typer.Option(
            "--type", metavar="NAME=TYPE,…", help="Types of the source; NAME=skip, *=TYPE for others."
        ),
    ] = None
    event_type: Annotated[str | None, typer.Option(help="Of rows that name none.")] = None
    time_format: Annotated[str | None, typer.Option(metavar="%d/%m/%Y", help="As of strptime, UTC.")] = None
    time_from_zero: Annotated[
        bool, typer.Option("--time-from-zero", help="Times before 1990 are meant, such as seconds from 0.")
    ] = False
    encoding: Annotated[str | None, typer.Option(help="Of text, instead of what its bytes show.")] = None
    separator: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Between fields of text: one or more characters.")
    ] = None
    most_refused: Annotated[
        float | None,
        typer.Option(metavar="SHARE", help="Stop where more rows are refused; INGEST_MOST_REFUSED, 0.05."),
    ] = None
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; so it is without a terminal.")] = False
    check: Annotated[bool, typer.Option("--check", help="Say how the source would be read, and stop.")] = (
        False
    )

    def options(self, most_refused: float) -> ReadingOptions:
        """What they mean; ``most_refused`` where none was typed. Raises SourceError."""
        return reading_options(
            columns=self.columns,
            rating_scale=self.rating_scale,
            zero_means=self.zero_means,
            types=self.type,
            event_type=self.event_type,
            time_format=self.time_format,
            time_from_zero=self.time_from_zero,
            encoding=self.encoding,
            separator=self.separator,
            most_refused=most_refused if self.most_refused is None else self.most_refused,
        )

    def words(self) -> list[str]:
        """The options that say how to read, as they are typed for another command."""
        found = []
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in ("yes", "check", "most_refused") or value in (None, False):
                continue
            found.append("--" + field.name.replace("_", "-"))
            if value is not True:
                found.append(str(value))
        return found


def with_reading_options(command: Callable[..., T]) -> Callable[..., T]:
    """The command with these options in place of its parameter ``reading: TypedReading``."""
    signature = inspect.signature(command)
    hints = get_type_hints(command, include_extras=True)
    typed = get_type_hints(TypedReading, include_extras=True)
    kept = [
        parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in signature.parameters.items()
        if name != _PARAMETER
    ]
    names = [field.name for field in fields(TypedReading)]
    added = [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=typed[field.name]
        )
        for field in fields(TypedReading)
    ]

    @wraps(command)
    def read(**values: Any) -> T:
        reading = TypedReading(**{name: values.pop(name) for name in names})
        return command(**values, **{_PARAMETER: reading})

    parameters = [*kept, *added]
    read.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    read.__annotations__ = {p.name: p.annotation for p in parameters}
    return read
