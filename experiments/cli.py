"""`headwater experiments`: create, list, start, stop, report, watch."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from contracts.experiments.record import Experiment
from contracts.settings import ExperimentSettings
from experiments.api import ExperimentApi, ExperimentApiError

experiments = typer.Typer(no_args_is_help=True, help="A/B tests of configurations, on real users.")
AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]
Name = Annotated[str, typer.Argument(help="the experiment's name")]
_DEFAULT_PAUSE_SECONDS = 300.0
_log = logging.getLogger("headwater.experiments")


def register(app: typer.Typer) -> None:
    """Add this service's commands."""
    app.add_typer(experiments, name="experiments")
    app.command("report live")(report_live)
    app.command("report exposures")(report_exposures)


@experiments.command()
def create(
    file: Annotated[Path, typer.Argument(help="the definition, as JSON; docs/experiments.md shows one")],
    start: Annotated[bool, typer.Option("--start", help="start it at once")] = False,
    as_json: AsJson = False,
) -> None:
    """Define an experiment, as a draft."""
    with _errors_in_words():
        api = _api()
        found = api.define(_definition(file))
        _print(api.start(found.name) if start else found, as_json)


@experiments.command("list")
def list_experiments(as_json: AsJson = False) -> None:
    """Every experiment, the newest first."""
    with _errors_in_words():
        found = _api().all()
    if as_json:
        typer.echo(json.dumps([each.model_dump(mode="json") for each in found], indent=2))
        return
    for each in found:
        typer.echo(_line(each))


@experiments.command()
def start(name: Name, as_json: AsJson = False) -> None:
    """Start a draft: every API process assigns users within a second."""
    with _errors_in_words():
        _print(_api().start(name), as_json)


@experiments.command()
def stop(
    name: Name,
    reason: Annotated[str, typer.Option(help="why, for the audit")] = "by hand",
    arm: Annotated[str | None, typer.Option(help="stop this arm alone")] = None,
    as_json: AsJson = False,
) -> None:
    """Stop an experiment, or one of its arms."""
    with _errors_in_words():
        api = _api()
        _print(api.stop(name, reason) if arm is None else api.stop_arm(name, arm, reason), as_json)


@experiments.command()
def report(
    name: Name,
    out: Annotated[Path | None, typer.Option(help="write the report as one HTML page there")] = None,
    as_json: AsJson = False,
) -> None:
    """What an experiment shows, from the lake: figures, intervals, practices, a decision.

    The API keeps it, at /v1/experiments/NAME/report.
    """
    # Only reports need the statistics: they take a second to import.
    from experiments.report.page import as_page
    from experiments.report.text import as_text
    from experiments.run import report_of

    with _errors_in_words():
        settings = ExperimentSettings()
        api = _api()
        found = report_of(settings, api.get(name), api.all())
        if out is not None:
            out.write_text(as_page(found), encoding="utf-8")
    try:
        api.keep_report(found, time.time_ns() // 1_000_000)
    except ExperimentApiError as error:
        typer.echo(f"The API did not keep this report: {error}", err=True)
    typer.echo(found.model_dump_json(indent=2) if as_json else as_text(found))


@experiments.command()
def watch(
    every: Annotated[
        float | None,
        typer.Option(min=1, help="seconds between two looks; default: GUARDRAILS_EVERY_SECONDS"),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="look once and exit")] = False,
    looked_file: Annotated[
        Path | None, typer.Option(help="touch this file after each look, for a health check")
    ] = None,
) -> None:
    """Look at every running experiment: stop arms that violate a guardrail, keep the intervals for the page.

    `headwater up` does this by itself.
    """
    from experiments import run

    pause = every or ExperimentSettings().guardrails_every_seconds or _DEFAULT_PAUSE_SECONDS

    def look() -> None:
        for line in run.watch(ExperimentSettings(), _api()):
            typer.echo(line)
        if looked_file is not None:
            looked_file.touch()

    with _errors_in_words():  # an error of the first look is one of the settings: it ends the command
        look()
    while not once:
        time.sleep(pause)
        with _log_failures():
            look()


Hours = Annotated[int, typer.Option(min=1, max=24 * 366, help="how many hours to count, with this one")]


@experiments.command()
def replay(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="the other ranking: CSV with item_id, weight, and user_id where it is personal; with "
            "--experiment, arm in place of item_id"
        ),
    ] = None,
    experiment: Annotated[
        str | None, typer.Option(help="replay whole lists: who gets which arm's lists of this experiment")
    ] = None,
    hours: Hours = 168,
    as_json: AsJson = False,
) -> None:
    """What another ranking would have earned in the places that exploration drew, from the lake's exposures.

    With --experiment, what another rule would have earned that says who gets which arm's lists; each user was
    in an arm with the arm's share. Without FILE, all drawn items, or all arms, are alike.
    """
    from experiments.report.ranking_file import RankingFileError, read_ranking
    from experiments.report.replay import arms_as_text, as_text, replay_report
    from experiments.run import replay_arms

    settings = ExperimentSettings()
    try:
        ranking = None if file is None else read_ranking(file, "item_id" if experiment is None else "arm")
    except RankingFileError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    if experiment is None:
        found = replay_report(settings, ranking, time.time_ns() // 1_000_000, hours)
        text = as_text(found)
    else:
        with _errors_in_words():
            known = _api().get(experiment)
            found = replay_arms(settings, known, ranking)
        text = arms_as_text(found, known.definition.unit)
    typer.echo(found.model_dump_json(indent=2) if as_json else text)


def report_live(hours: Hours = 24, as_json: AsJson = False) -> None:
    """The live figures by model version, recounted from the lake.

    Outcomes of the last minute may still be in Redis only; `headwater verify` counts those, too.
    """
    from experiments.report.live import as_text, live_report

    found = live_report(ExperimentSettings().lake_uri, time.time_ns() // 1_000_000, hours)
    typer.echo(found.model_dump_json(indent=2) if as_json else as_text(found))


def report_exposures(hours: Hours = 24, as_json: AsJson = False) -> None:
    """What users saw and then did, by model version and by experiment arm, from the lake."""
    from experiments.report.exposures import as_text, exposure_report

    found = exposure_report(ExperimentSettings(), time.time_ns() // 1_000_000, hours)
    typer.echo(found.model_dump_json(indent=2) if as_json else as_text(found))


def _definition(file: Path) -> object:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ExperimentApiError(
            f"{file} is no JSON ({error}): docs/experiments.md shows a definition"
        ) from error


def _api() -> ExperimentApi:
    return ExperimentApi(ExperimentSettings())


def _line(each: Experiment) -> str:
    arms = ", ".join(f"{arm.name} {arm.weight:g}" for arm in each.definition.arms)
    return f"{each.name:<30} run {each.run}  {each.state:<8} {arms}  {each.definition.primary}"


def _print(found: Experiment, as_json: bool) -> None:
    typer.echo(found.model_dump_json(indent=2) if as_json else _line(found))


@contextmanager
def _errors_in_words() -> Iterator[None]:
    try:
        yield
    except ExperimentApiError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error


@contextmanager
def _log_failures() -> Iterator[None]:
    """Log an error of the API or the lake, so that the watch goes on."""
    try:
        yield
    except (ExperimentApiError, OSError) as error:
        _log.warning("%s", error)
