from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path

import numpy as np
import pytest
import redis
import typer
from typer.testing import CliRunner

from contracts.experiments.definition import Definition
from contracts.experiments.record import define, start
from contracts.settings import TrainingSettings
from contracts.stored import keyspace
from contracts.stored.manifest import Manifest
from tests.manifests import a_manifest
from training.cli import register
from training.registry.outcome import DamagedModelError, TrainingError
from training.registry.publish import Publisher, write_fields
from training.registry.registry import Registry, differences


def publish(registry: Registry, version: str, ndcg: float = 0.1) -> Manifest:
    """A small version as a round leaves it: keys in Redis, a folder with checksums."""
    publisher, folder = registry.publisher, Path(registry.models_uri) / version
    current = publisher.current_version()
    publisher.begin(version)
    publisher.write_items(version, ["a", "b"])
    write_fields(publisher.url, keyspace.top_n(0, version), {"u": b"x"})
    write_fields(publisher.url, keyspace.similar_items(version), {"a": b"x"})
    write_fields(publisher.url, keyspace.top_users(version), {"a": b"x"})
    publisher.write_factors(version, np.ones((2, 3), np.float32), np.eye(3))
    part = folder / "item_factors" / "part-0.parquet"
    part.parent.mkdir(parents=True)
    part.write_bytes(version.encode())
    manifest = a_manifest(
        version,
        {"als_rank": 3},
        metrics={"ndcg@10": ndcg, "popularity_ndcg@10": 0.05},
        gate={"publish": True, "leads": "model", "reason": "not worse than the champion"},
        sizes=publisher.sizes(version),
        checksums={"item_factors/part-0.parquet": hashlib.sha256(version.encode()).hexdigest()},
        previous=current,
    )
    (folder / "manifest.json").write_text(manifest.to_json())
    assert publisher.promote(manifest, current)
    return manifest


@pytest.fixture
def registry(redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setenv("MODELS_URI", str(tmp_path))
    found = Registry.of(TrainingSettings())
    publish(found, "v1")
    publish(found, "v2", ndcg=0.2)
    return found


def run(*arguments: str, exit_code: int = 0) -> str:
    app = typer.Typer()
    register(app)
    result = CliRunner().invoke(app, ["models", *arguments])
    assert result.exit_code == exit_code, result.output
    return result.output


def test_a_rollback_serves_the_earlier_version_without_a_round_and_is_audited(registry: Registry) -> None:
    started = time.monotonic()
    assert "v1 is served again (before: v2)" in run("rollback", "--reason", "worse clicks")
    # It only moves a pointer. A busy machine stays below this bound; a rollback that waits does not.
    assert time.monotonic() - started < 10
    assert registry.publisher.current_version() == "v1"
    lines = registry.publisher.audit()
    assert [(line.action, line.before, line.version) for line in lines] == [
        ("publish", "", "v1"),
        ("publish", "v1", "v2"),
        ("rollback", "v2", "v1"),
    ]
    assert lines[-1].reason == "worse clicks"
    assert "rollback  v2 -> v1  worse clicks" in run("audit")
    assert "no earlier version" in run("rollback", exit_code=1)
    assert "v2 is served (before: v1)" in run("promote", "v2")


def test_the_commands_list_and_show_and_compare_versions(registry: Registry) -> None:
    text = run("list")
    assert "  v1  2026-01-01" in text
    assert "* v2  2026-01-01T00:00:00+00:00  100 events  NDCG@10 0.2000 (popularity 0.0500)" in text
    assert [row["served"] for row in json.loads(run("list", "--json"))] == [False, True]
    assert json.loads(run("show"))["version"] == "v2"
    assert json.loads(run("show", "v1"))["previous"] is None
    assert json.loads(run("diff", "v1", "v2", "--json")) == {"metrics.ndcg@10": [0.1, 0.2]}
    assert "metrics.ndcg@10" in run("diff", "v1", "v2")
    assert "No version 'v9': there are v1, v2" in run("show", "v9", exit_code=1)


def test_a_flipped_byte_is_refused_and_the_served_model_stays(registry: Registry) -> None:
    part = Path(registry.models_uri) / "v1" / "item_factors" / "part-0.parquet"
    part.write_bytes(b"V1")
    with pytest.raises(DamagedModelError, match=r"item_factors/part-0\.parquet"):
        registry.rollback()
    assert registry.publisher.current_version() == "v2"
    assert "damaged" in run("promote", "v1", exit_code=1)


def test_a_version_that_redis_lost_in_part_is_refused(registry: Registry) -> None:
    registry.publisher._client.delete(keyspace.top_n(0, "v1"))
    with pytest.raises(TrainingError, match="does not hold all of v1"):
        registry.promote("v1")
    with pytest.raises(TrainingError, match="served already"):
        registry.promote("v2")


def test_prune_keeps_the_served_version_and_the_newest_others(registry: Registry) -> None:
    publish(registry, "v3")
    run("rollback")
    assert "deleted v1" in run("prune", "--keep", "2")
    assert registry.publisher.versions() == ["v2", "v3"]
    assert not (Path(registry.models_uri) / "v1").exists()
    assert "deleted v3" in run("prune", "--keep", "1")
    assert registry.publisher.current_version() == "v2"
    assert "deleted nothing" in run("prune", "--keep", "1")


def test_a_folder_on_another_file_system_is_deleted_too_and_before_the_keys(registry: Registry) -> None:
    deleted = []

    def delete(version: str) -> None:
        assert version in registry.publisher.versions()  # so that a failure is tried again
        deleted.append(version)

    elsewhere = Registry(registry.publisher, "s3a://bucket/models")
    assert elsewhere.prune(1, delete) == deleted == ["v1"]
    assert (Path(registry.models_uri) / "v1").exists()


def test_a_version_that_a_running_experiment_serves_is_not_pruned(registry: Registry) -> None:
    arms = [{"name": "a"}, {"name": "b", "parameters": {"model_version": "v1"}}]
    draft = define(Definition.model_validate({"name": "e", "hypothesis": "h", "arms": arms}), None, 1)
    client = redis.Redis.from_url(registry.publisher.url)
    client.hset(keyspace.EXPERIMENTS, mapping={"e": start(draft, [], 2).to_json(), "broken": "nonsense"})
    publish(registry, "v3")
    assert registry.publisher.superseded_versions("v3", 1) == ["v2"]
    assert "deleted v2" in run("prune", "--keep", "1")
    client.hset(keyspace.EXPERIMENTS, "e", draft.to_json())
    assert "deleted v1" in run("prune", "--keep", "1")
    client.close()


def test_a_comparison_names_what_only_one_version_has() -> None:
    a, b = a_manifest(metrics={}), a_manifest(metrics={"rmse": 1.0})
    assert differences(a, b) == {"metrics.rmse": (None, 1.0)}


def test_a_move_from_another_version_than_the_served_one_fails(registry: Registry) -> None:
    publisher = Publisher.of(TrainingSettings())
    assert not publisher.move("v1", "v0", "promote", "")
    assert len(publisher.audit()) == 2


def test_the_report_of_a_version_is_written_beside_its_figures(registry: Registry, tmp_path: Path) -> None:
    app = typer.Typer()
    register(app)
    page = tmp_path / "page.html"
    result = CliRunner().invoke(app, ["report", "v1", "--out", str(page)])
    assert result.exit_code == 0, result.output
    assert "Model v1" in page.read_text()
    assert json.loads(page.with_suffix(".json").read_text())["version"] == "v1"
    assert CliRunner().invoke(app, ["report", "v9", "--out", str(page)]).exit_code == 1
