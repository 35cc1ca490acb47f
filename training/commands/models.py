"""`headwater models`: list, show, diff, promote, republish, rollback, prune, audit."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from contracts.settings import TrainingSettings
from contracts.stored.manifest import Manifest
from training.registry.outcome import TrainingError
from training.registry.registry import Registry, differences

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

models = typer.Typer(no_args_is_help=True, help="Published versions: look at them, serve an earlier one.")
AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]


def _registry() -> Registry:
    return Registry.of(TrainingSettings())


def _fail(error: TrainingError) -> typer.Exit:
    typer.echo(str(error), err=True)
    return typer.Exit(1)


@models.command("list")
def list_versions(as_json: AsJson = False) -> None:
    """Every version that Redis holds, oldest first; a star marks the served one."""
    registry = _registry()
    current, versions = registry.publisher.current_version(), registry.publisher.versions()
    try:
        rows = [(version, registry.publisher.manifest_of(version)) for version in versions]
    except TrainingError as error:
        raise _fail(error) from error
    if as_json:
        found = [
            {"version": version, "served": version == current, "manifest": manifest and manifest.to_dict()}
            for version, manifest in rows
        ]
        typer.echo(json.dumps(found, indent=2))
        return
    for version, manifest in rows:
        typer.echo(f"{'*' if version == current else ' '} {version}  {_line(manifest)}")


def _line(manifest: Manifest | None) -> str:
    if manifest is None:
        return "being written, or never finished"
    metrics = manifest.metrics
    name = next((name for name in metrics if name.startswith("ndcg@")), None)
    figures = (
        f"{name.upper()} {metrics[name]:.4f} (popularity {metrics[f'popularity_{name}']:.4f})" if name else ""
    )
    gate = manifest.gate.reason if manifest.gate else ""
    return f"{manifest.created_at}  {manifest.counts.interactions:,} events  {figures}  {gate}"


@models.command()
def show(version: Annotated[str, typer.Argument(help="a version; the served one by default")] = "") -> None:
    """A version's manifest, as JSON."""
    registry = _registry()
    try:
        manifest = registry.manifest(version or registry.publisher.current_version() or "")
    except TrainingError as error:
        raise _fail(error) from error
    typer.echo(manifest.to_json(indent=2))


@models.command()
def diff(a: str, b: str, as_json: AsJson = False) -> None:
    """Show how two versions differ in parameters, metrics and counts."""
    registry = _registry()
    try:
        found = differences(registry.manifest(a), registry.manifest(b))
    except TrainingError as error:
        raise _fail(error) from error
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    for name, (value_a, value_b) in found.items():
        typer.echo(f"{name:<40} {value_a!s:>20} {value_b!s:>20}")


@models.command()
def promote(version: str, reason: str = "by hand") -> None:
    """Serve a version that Redis holds completely."""
    try:
        before = _registry().promote(version, reason=reason)
    except TrainingError as error:
        raise _fail(error) from error
    typer.echo(f"{version} is served (before: {before or 'none'})")


@models.command()
def republish(version: str) -> None:
    """Serve a version that Redis lost. It is written again from its folder and the lake, without training.

    Starts Spark, and needs the lake's events of then (for VACUUM_RETENTION_HOURS) within TRAIN_MEMORY.
    """
    # Spark is an extra, and slow to import: of these commands only this one needs it.
    from training.rounds.republication import republish as write_again
    from training.runtime.failures import explain
    from training.runtime.session import training_session

    settings = TrainingSettings()
    if Registry.of(settings).is_whole(version):
        raise _fail(TrainingError(f"Redis holds all of {version}: `headwater models promote {version}`"))
    spark = training_session(settings)
    try:
        before = write_again(spark, settings, version)
    except Exception as error:
        explanation = explain(error)
        if explanation is None:
            raise
        raise _fail(explanation) from error
    finally:
        spark.stop()
    typer.echo(f"{version} is served (before: {before or 'none'})")


@models.command()
def rollback(reason: str = "by hand") -> None:
    """Serve the version again that was served before."""
    try:
        left, served = _registry().rollback(reason)
    except TrainingError as error:
        raise _fail(error) from error
    typer.echo(f"{served} is served again (before: {left})")


@models.command()
def prune(keep: Annotated[int, typer.Option(min=1, help="versions to keep, the served one too")] = 2) -> None:
    """Delete old versions in Redis and in MODELS_URI. Starts Spark if that is not on this machine."""
    with ExitStack() as at_end:
        spark: list[SparkSession] = []

        def delete_elsewhere(version: str) -> None:
            from training.registry import model_folder
            from training.runtime.session import training_session

            settings = TrainingSettings()
            if not spark:
                spark.append(training_session(settings))
                at_end.callback(spark[0].stop)
            model_folder.delete(spark[0], settings.models_uri, version)

        deleted = _registry().prune(keep, delete_elsewhere)
    typer.echo(f"deleted {', '.join(deleted) or 'nothing'}")


@models.command()
def audit(as_json: AsJson = False) -> None:
    """Every change of the served version, oldest first, and every refusal."""
    for line in _registry().publisher.audit():
        text = f"{line.at}  {line.by}  {line.action}  {line.before} -> {line.version}  {line.reason}"
        typer.echo(line.encode() if as_json else text)
