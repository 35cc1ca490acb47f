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
        str | None,
        typer.Option(metavar="MIN:MAX|likes|counts", help="The ratings' scale, instead of a guess."),
    ] = None
    zero_means: Annotated[
        str | None, typer.Option(metavar="unrated|worst", help="What a rating of 0 means.")
    ] = None
    type: Annotated[
        str | None,
        typer.Option(
            "--type", metavar="NAME=TYPE,…", help="Our type for each of the source's; NAME=skip, *=TYPE."
        ),
    ] = None
    event_type: Annotated[str | None, typer.Option(help="The type of rows that name none.")] = None
    time_format: Annotated[
        str | None, typer.Option(metavar="%d/%m/%Y", help="The form of times, in UTC.")
    ] = None
    time_from_zero: Annotated[
        bool, typer.Option("--time-from-zero", help="Accept times before 1990, such as seconds from 0.")
    ] = False
    encoding: Annotated[str | None, typer.Option(help="The text's encoding, instead of a guess.")] = None
    separator: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="What separates fields of text: any characters."),
    ] = None
    most_refused: Annotated[
        float | None,
        typer.Option(metavar="SHARE", help="Stop if more rows are refused (default: INGEST_MOST_REFUSED)."),
    ] = None
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before sending.")] = False
    check: Annotated[bool, typer.Option("--check", help="Say how the source would be read, and stop.")] = (
        False
    )

    def options(self, most_refused: float) -> ReadingOptions:
        """The options parsed; ``most_refused`` (a share) is used where none was typed. Raises SourceError."""
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
        """The reading options as arguments of another command."""
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
    """Replace a command's parameter ``reading: TypedReading`` by one option for each of its fields."""
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
