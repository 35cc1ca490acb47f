from __future__ import annotations

import json
import logging
import sys
import warnings
from pathlib import Path

import pytest

from contracts.settings import TrainingSettings
from tests.manifests import a_manifest
from training.report.tracking import log_round

MANIFEST = a_manifest(
    "20260101T000000-abcd",
    {"als_rank": 16, "rating_strengths": {"0.0": -0.5}},
    lake_version=7,
    metrics={"ndcg@10": 0.12, "popularity_ndcg@10": 0.1},
    timings={"fit": 1.5},
    gate={"publish": True, "reason": "better than both popularities", "leads": "model"},
    fit={"warm": False, "why": "no champion", "warm_rounds": 0, "full_interactions": 100},
)


@pytest.mark.slow
def test_a_round_is_a_tracked_run_with_figures_and_decision_and_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where a database without a server keeps its artifacts
    settings = TrainingSettings(mlflow_tracking_uri=f"sqlite:///{tmp_path / 'runs.db'}")
    first = log_round(settings, "published", MANIFEST)
    second = log_round(settings, "refused_by_gate", MANIFEST)
    assert first is not None
    assert second not in (None, first)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mlflow.tracking import MlflowClient

        client = MlflowClient(settings.mlflow_tracking_uri)
        run = client.get_run(first)
        assert run.info.run_name == MANIFEST.version
        assert run.info.status == "FINISHED"
        assert run.data.params["als_rank"] == "16"
        assert run.data.metrics["ndcg_at_10"] == 0.12
        assert run.data.metrics["seconds.fit"] == 1.5
        assert run.data.tags["gate.reason"] == "better than both popularities"
        assert run.data.tags["outcome"] == "published"
        path = client.download_artifacts(first, "manifest.json", str(tmp_path))
        assert json.loads(Path(path).read_text()) == MANIFEST.to_dict()


def test_a_missing_tracking_server_does_not_fail_a_round(caplog: pytest.LogCaptureFixture) -> None:
    settings = TrainingSettings(mlflow_tracking_uri="http://127.0.0.1:9")
    with caplog.at_level(logging.WARNING):
        assert log_round(settings, "published", MANIFEST) is None
    assert "not in MLflow" in caplog.text
    assert caplog.text.count("\n") <= 2


def test_without_the_setting_nothing_is_tracked_or_imported(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow.tracking", None)
    assert log_round(TrainingSettings(), "published", MANIFEST) is None
    asked = TrainingSettings(mlflow_tracking_uri="sqlite://")
    assert log_round(asked, "not_enough_data", None) is None
    assert not caplog.text
    assert log_round(asked, "published", MANIFEST) is None
    assert "pip install 'headwater[mlflow]'" in caplog.text
