"""`headwater tune`."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from contracts.settings import TuneSettings
from training.registry.outcome import TrainingError


def tune(
    trials: Annotated[int, typer.Option(min=0, help="how many more trials")] = 40,
    jobs: Annotated[int, typer.Option(min=1, max=16, help="how many at once")] = 1,
    storage: Annotated[Path, typer.Option(help="SQLite file of the study; the same one resumes it")] = Path(
        "data/tune.sqlite"
    ),
    preset: Annotated[
        Literal["study", "classic"], typer.Option(help="classic: the textbook grid of explicit ALS, by RMSE")
    ] = "study",
    publish: Annotated[
        bool, typer.Option("--publish", help="train with the winner; the gate decides")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print the result as JSON")] = False,
) -> None:
    """Search for the ranking model's parameters on a validation slice, and print the best as settings."""
    logging.basicConfig(level=logging.WARNING if as_json else logging.INFO, format="%(message)s")
    logging.getLogger("py4j").setLevel(logging.ERROR)
    from training.runtime.session import training_session

    settings = TuneSettings()
    spark = training_session(settings)
    try:
        found = _run_grid(spark, settings, jobs, publish) if preset == "classic" else None
        if found is None:
            found = _study(spark, settings, storage, trials, jobs, publish)
    except TrainingError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    finally:
        spark.stop()
    typer.echo(json.dumps(found, indent=2) if as_json else _lines(found))


def _study(
    spark: Any, settings: TuneSettings, storage: Path, trials: int, jobs: int, publish: bool
) -> dict[str, Any]:
    try:
        from training.tuning.blended_validation import blended_validation
        from training.tuning.study import Validation, winner
        from training.tuning.study import tune as run_trials
    except ModuleNotFoundError as error:
        raise TrainingError("Tuning needs Optuna: pip install 'headwater[tune]'") from error

    storage.parent.mkdir(parents=True, exist_ok=True)
    blended = blended_validation(spark, settings)
    study = run_trials(Validation(spark, settings), f"sqlite:///{storage}", trials, jobs, blended)
    best = winner(study, settings)
    names = ("als_rank", "als_reg_param", "als_alpha", "als_max_iter", "rating_strengths")
    chosen = best.model_dump(mode="json", include={*names, "fold_half_life_items"})
    found: dict[str, Any] = {
        "trials": len(study.trials),
        "ndcg": study.best_value,
        "of": "the blend" if blended else "the factors alone",
        "settings": {name.upper(): value for name, value in chosen.items()},
    }
    if publish:
        found |= _publish(spark, best)
    return found


def _run_grid(spark: Any, settings: TuneSettings, jobs: int, publish: bool) -> dict[str, Any]:
    from training.data import dataset
    from training.data.load import load
    from training.tuning.classic_grid import classic_grid

    version = dataset.newest_version(spark, settings.lake_uri)
    data = load(spark, settings, version) if version is not None else None
    if data is None:
        raise TrainingError("There is not enough in the lake to tune on (TRAIN_MIN_EVENTS)")
    rows, test = classic_grid(data.preferences, settings, jobs)
    data.release()
    best = rows[0]
    chosen = {
        "explicit_rank": best.rank,
        "explicit_reg_param": best.reg_param,
        "explicit_max_iter": best.max_iter,
    }
    found: dict[str, Any] = {
        "rmse": best.rmse,
        "test_ratings": test.ratings,
        "test_rmse": test.winner,
        "test_rmse_of_present_settings": test.present,
        "test_rmse_of_mean_rating": test.mean,
        "improvement": test.improvement,
        "settings": {name.upper(): value for name, value in chosen.items()},
        "grid": [row._asdict() for row in rows],
    }
    if publish:
        found |= _publish(spark, settings.model_copy(update=chosen))
    return found


def _publish(spark: Any, settings: TuneSettings) -> dict[str, str]:
    """Train a round with these settings; the gate decides whether it is served."""
    from training.registry.publish import Publisher
    from training.rounds.trainer import Trainer

    outcome, manifest = Trainer(spark, settings, Publisher.of(settings)).train_once()
    return {"outcome": outcome, "version": manifest.version if manifest else ""}


def _lines(found: dict[str, Any]) -> str:
    """The settings as they go into an environment."""
    quality = {name: value for name, value in found.items() if name not in ("settings", "grid")}
    head = ", ".join(
        f"{name} {value:.4f}" if isinstance(value, float) else f"{name} {value}"
        for name, value in quality.items()
    )
    values = [f"{name}={json.dumps(value)}" for name, value in found["settings"].items()]
    return "\n".join([f"# {head}", *values])
