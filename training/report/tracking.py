"""Logs a round to MLflow (an optional extra), where MLFLOW_TRACKING_URI is set."""

from __future__ import annotations

import logging
import os
import warnings
from typing import Any

from contracts.settings import TrainingSettings
from contracts.stored.manifest import Manifest

log = logging.getLogger("headwater.training")
# By default, MLflow tries seven times, each up to two minutes: a round must not wait for that.
_PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}


def log_round(settings: TrainingSettings, outcome: str, manifest: Manifest | None) -> str | None:
    """Log a round; returns the run's id. None where there is nothing to log, no server, or an error."""
    if not settings.mlflow_tracking_uri or manifest is None:
        return None
    try:
        return _log(settings, outcome, manifest)
    except ModuleNotFoundError:
        log.warning("MLFLOW_TRACKING_URI is set, but MLflow is not there: pip install 'headwater[mlflow]'")
    except Exception as error:
        first = str(error).partition("\n")[0][:200]
        log.warning("The round is not in MLflow (MLFLOW_TRACKING_URI right, server up?): %s", first)
    return None


def _log(settings: TrainingSettings, outcome: str, manifest: Manifest) -> str:
    for name, value in _PATIENCE.items():
        os.environ.setdefault(name, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow warns about deprecated parts of itself
        from mlflow.tracking import MlflowClient

        client: Any = MlflowClient(settings.mlflow_tracking_uri)
        name = settings.mlflow_experiment
        experiment = client.get_experiment_by_name(name)
        folder = experiment.experiment_id if experiment else client.create_experiment(name)
        run: str = client.create_run(folder, run_name=manifest.version).info.run_id
        for key, value in run_tags(outcome, manifest).items():
            client.set_tag(run, key, value)
        for key, value in manifest.parameters.model_dump(exclude_unset=True).items():
            client.log_param(run, key, value)
        for key, figure in run_metrics(manifest).items():
            client.log_metric(run, key, figure)
        client.log_dict(run, manifest.to_dict(), "manifest.json")
        client.set_terminated(run)
        return run


def run_tags(outcome: str, manifest: Manifest) -> dict[str, str]:
    """The run's tags: how the round ended, and the gate's reason."""
    gate, fit = manifest.gate, manifest.fit
    return {
        "outcome": outcome,
        "gate.publish": str(gate.publish) if gate else "",
        "gate.reason": gate.reason if gate else "",
        "gate.leads": manifest.leads,
        "fit.warm": str(fit.warm) if fit else "",
        "lake_version": str(manifest.lake_version),
        "previous": manifest.previous or "",
    }


def run_metrics(manifest: Manifest) -> dict[str, float]:
    """The run's figures, counts and seconds; MLflow allows no @ in a name."""
    counts = manifest.counts.model_dump(exclude_unset=True)
    found = {name.replace("@", "_at_"): value for name, value in manifest.metrics.items()}
    found |= {f"count.{name}": value for name, value in counts.items()}
    found |= {f"seconds.{name}": value for name, value in manifest.timings.items()}
    return {name: float(value) for name, value in found.items() if value is not None}
