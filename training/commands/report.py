"""`headwater report`: a version's page and its figures. Never starts Spark."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from contracts.settings import TrainingSettings
from training.registry.outcome import TrainingError
from training.registry.registry import Registry
from training.report.page import report as as_html


def report(
    version: Annotated[str, typer.Argument(help="a version; the served one by default")] = "",
    out: Annotated[Path | None, typer.Option(help="the page; VERSION.html by default")] = None,
) -> None:
    """Write a version's report as one HTML page, and its figures as JSON beside it."""
    registry = Registry.of(TrainingSettings())
    try:
        manifest = registry.manifest(version or registry.publisher.current_version() or "")
    except TrainingError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    page = out or Path(f"{manifest.version}.html")
    page.write_text(as_html(manifest), encoding="utf-8")
    page.with_suffix(".json").write_text(manifest.to_json(indent=2) + "\n", encoding="utf-8")
    typer.echo(f"wrote {page} and {page.with_suffix('.json')}")
