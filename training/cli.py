"""`headwater train`, `plan`, `models`, `report`."""

from __future__ import annotations

import logging
import time
from typing import Annotated

import typer

from contracts.settings import TrainingSettings
from training.commands.models import models
from training.commands.plan import plan
from training.commands.report import report
from training.commands.tune import tune
from training.registry.outcome import TrainingError
from training.registry.publish import Publisher
from training.report.round_line import as_json, round_line

_ENDED_WELL = ("published", "not_enough_data", "refused_by_gate")


def train(
    once: Annotated[bool, typer.Option("--once", help="train one round here and exit")] = False,
    now: Annotated[bool, typer.Option("--now", help="ask the running trainer for a round")] = False,
    wait: Annotated[float, typer.Option(help="with --now: seconds to wait for its end")] = 600.0,
    as_text: Annotated[bool, typer.Option("--json", help="print the outcome and manifest as JSON")] = False,
) -> None:
    """Train a model on everything in the lake and publish it."""
    if once == now:
        raise typer.BadParameter("choose one of --once and --now")
    _train_here(as_text) if once else _ask_trainer(wait, as_text)


def _train_here(as_text: bool) -> None:
    # Spark is an extra, and slow to import: only the commands that need it do.
    from training.rounds.trainer import Trainer
    from training.runtime.session import training_session

    logging.basicConfig(level=logging.WARNING if as_text else logging.INFO, format="%(message)s")
    logging.getLogger("py4j").setLevel(logging.ERROR)
    settings = TrainingSettings()
    spark = training_session(settings)
    try:
        outcome, manifest = Trainer(spark, settings, Publisher.of(settings)).train_once()
    except TrainingError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    finally:
        spark.stop()
    if as_text:
        typer.echo(as_json(outcome, manifest))
    if outcome not in _ENDED_WELL:
        raise typer.Exit(1)


def _ask_trainer(wait: float, as_text: bool) -> None:
    publisher, started = Publisher.of(TrainingSettings()), time.monotonic()
    champion = publisher.current_manifest()
    number = publisher.request()
    while time.monotonic() - started < wait:
        status = publisher.read_status()
        if status.has_served(number):
            outcome = status.outcome or "failed"
            manifest = publisher.manifest_of(status.version) if status.version else None
            if as_text:
                typer.echo(as_json(outcome, manifest))
            else:
                seconds = time.monotonic() - started
                typer.echo(status.reason or round_line(outcome, manifest, champion, seconds))
            raise typer.Exit(0 if outcome in _ENDED_WELL else 1)
        time.sleep(0.5)
    typer.echo(f"no trainer took the request within {wait:g} s: is `python -m training` running?", err=True)
    raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    """Add this service's commands."""
    app.command()(train)
    app.command()(plan)
    app.command()(report)
    app.command()(tune)
    app.add_typer(models, name="models")
