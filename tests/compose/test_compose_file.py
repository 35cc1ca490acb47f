"""docker-compose.yml and the Dockerfile, read: `make compose-rehearsal` runs them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from contracts import settings, topics
from stack.machine.broker import server_properties
from stack.machine.jars import locked_jars

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
WATCH = ("prometheus", "grafana")  # only with --profile watch
NAMES = ("kafka", "redis", "streaming", "trainer", "api", "producer", *WATCH)
OURS = tuple(name for name, service in SERVICES.items() if "build" in service)
TARGETS = {"streaming": "streaming", "trainer": "training", "api": "serving", "producer": "ingest"}
SETTINGS = {
    name.upper()
    for kind in (settings.StreamingSettings, settings.TrainingSettings, settings.ServingSettings)
    for name in kind.model_fields
}


def stage(name: str) -> tuple[str, str]:
    """The image a stage of the Dockerfile begins with, and its instructions."""
    found = re.search(rf"^FROM (\S+) AS {name}\n(.*?)(?=^FROM |\Z)", DOCKERFILE, re.MULTILINE | re.DOTALL)
    assert found, f"no stage {name}"
    return found[1], found[2]


def whole_stage(name: str) -> str:
    """The instructions of a stage and of all stages that it begins with or copies from."""
    base, text = stage(name)
    names = [base, *re.findall(r"--from=(\S+)", text)]
    return text + "".join(whole_stage(other) for other in names if ":" not in other)


def test_the_services_are_those_of_the_design() -> None:
    assert set(SERVICES) == set(NAMES)


def test_every_port_is_open_on_loopback_only() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert len(published) == 4
    assert all(port.startswith("127.0.0.1:") for port in published)
    assert all(service.get("network_mode") is None for service in SERVICES.values())


@pytest.mark.parametrize("name", NAMES)
def test_a_service_says_when_it_is_healthy_and_comes_back_when_it_dies(name: str) -> None:
    health = SERVICES[name]["healthcheck"]
    assert {"test", "interval", "timeout", "retries", "start_period"} <= set(health)
    assert SERVICES[name]["restart"] == "unless-stopped"
    assert SERVICES[name]["stop_grace_period"].endswith("s")


@pytest.mark.parametrize("name", NAMES)
def test_a_service_runs_without_root_and_within_bounds(name: str) -> None:
    service = SERVICES[name]
    assert service["user"] in ("headwater", "appuser", "redis", "nobody", "472:0")
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"]
    assert service["logging"]["options"]["max-size"]
    # The official Kafka image writes its configuration beside its programs.
    assert service.get("read_only", False) is (name != "kafka")


def test_dependencies_wait_for_health() -> None:
    for service in SERVICES.values():
        assert all(how == {"condition": "service_healthy"} for how in service.get("depends_on", {}).values())
    needs = {name: set(service.get("depends_on", ())) for name, service in SERVICES.items()}
    assert needs["streaming"] == needs["api"] == {"kafka", "redis"}
    assert needs["trainer"] == {"redis", "streaming"}
    assert needs["producer"] == {"kafka"}


def test_watching_is_a_profile_of_its_own() -> None:
    assert {name for name, service in SERVICES.items() if service.get("profiles") == ["watch"]} == set(WATCH)
    assert not any(
        set(service.get("depends_on", ())) & set(WATCH[:1])
        for name, service in SERVICES.items()
        if name not in WATCH
    )
    for name in WATCH:
        mounted = [volume for volume in SERVICES[name]["volumes"] if volume.startswith("./")]
        assert mounted
        assert all(volume.endswith(":ro") for volume in mounted)
        assert all((ROOT / volume.split(":")[0]).exists() for volume in mounted)


@pytest.mark.parametrize("name", OURS)
def test_a_service_of_ours_is_told_only_settings_that_exist(name: str) -> None:
    assert set(SERVICES[name]["environment"]) <= SETTINGS


def test_every_service_gets_the_addresses_inside_the_network() -> None:
    for name in OURS:
        assert SERVICES[name]["environment"]["KAFKA_BOOTSTRAP_SERVERS"] == "kafka:19092"
        assert SERVICES[name]["environment"]["REDIS_URL"] == "redis://redis:6379/0"


def test_the_broker_is_set_up_as_the_one_of_make_demo() -> None:
    ours = server_properties(Path("/folder"), 9092, 9093)
    told = {
        key.removeprefix("KAFKA_").lower().replace("_", "."): str(value)
        for key, value in SERVICES["kafka"]["environment"].items()
    }
    own = {"listeners", "advertised.listeners", "log.dirs", "controller.quorum.voters"}
    shared = set(ours) & set(told) - own
    assert {key: told[key] for key in shared} == {key: ours[key] for key in shared}
    assert told["auto.create.topics.enable"] == "false"
    assert int(told["message.max.bytes"]) >= int(topics.REJECTED.config["max.message.bytes"])
    assert {key for key in told if "replication.factor" in key or key.endswith("min.isr")} >= {
        "offsets.topic.replication.factor",
        "transaction.state.log.replication.factor",
        "transaction.state.log.min.isr",
    }


def test_the_broker_names_an_inside_and_an_outside_address() -> None:
    told = SERVICES["kafka"]["environment"]
    assert told["KAFKA_ADVERTISED_LISTENERS"] == (
        "INSIDE://kafka:19092,OUTSIDE://localhost:${KAFKA_PORT:-9092}"
    )
    assert "CONTROLLER://localhost:9093" in told["KAFKA_LISTENERS"]


def test_redis_loses_no_key_and_is_not_published() -> None:
    command = SERVICES["redis"]["command"]
    assert "--maxmemory-policy noeviction" in command
    assert "--appendonly yes --appendfsync everysec" in command
    assert "ports" not in SERVICES["redis"]


def test_data_lies_in_named_volumes_and_the_lake_is_shared() -> None:
    mounted = {
        name: dict(v.split(":") for v in service.get("volumes", ()) if not v.startswith("./"))
        for name, service in SERVICES.items()
    }
    assert {volume for volumes in mounted.values() for volume in volumes} == set(COMPOSE["volumes"])
    assert mounted["streaming"]["lake"] == mounted["trainer"]["lake"] == "/data/lake"
    for name in ("streaming", "trainer"):
        told, folders = SERVICES[name]["environment"], set(mounted[name].values())
        assert {told["LAKE_URI"], told["CHECKPOINTS_URI"]} <= folders
    assert SERVICES["trainer"]["environment"]["MODELS_URI"] in mounted["trainer"].values()
    owned = re.search(r"install -d -o headwater -g headwater (.*)", stage("spark")[1])
    assert owned is not None
    assert {f for n in ("streaming", "trainer") for f in mounted[n].values()} <= set(owned[1].split())


@pytest.mark.parametrize(("service", "target"), TARGETS.items())
def test_a_service_has_its_own_target_that_ends_as_a_user(service: str, target: str) -> None:
    assert SERVICES[service]["build"]["target"] == target
    base, text = stage(target)
    assert "USER headwater" in text + stage(base)[1]


def test_the_jars_are_in_the_image_where_spark_looks_for_them() -> None:
    text = whole_stage("streaming")
    assert "COPY --from=jars /jars/spark /opt/headwater/jars/spark" in text
    assert "SPARK_JARS_DIR=/opt/headwater/jars/spark" in text
    assert whole_stage("training").count("COPY --from=jars") == 1
    assert any(jar.folder == "spark" for jar in locked_jars())


def test_only_the_images_on_spark_hold_spark_and_java() -> None:
    for target in ("serving", "ingest"):
        text = whole_stage(target)
        assert f"'.[{target}]'" in text
        assert not re.search("pyspark|openjdk|streaming|training", text)


def test_packages_are_installed_by_the_constraints() -> None:
    installs = re.findall(r"pip install (.*)", DOCKERFILE)
    assert installs
    assert all("--constraint constraints.txt" in line or "--no-deps" in line for line in installs)


def test_every_file_that_the_build_copies_exists_and_is_not_ignored() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for sources in re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE):
        for source in sources.split():
            assert (ROOT / source).exists()
            assert source == "." or source in kept or source.split("/")[0] in kept


def test_every_base_image_is_named_by_its_official_name() -> None:
    outside = {base for base in re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE) if ":" in base}
    assert outside == {"python:3.11-slim-bookworm"}
    assert SERVICES["kafka"]["image"] == "apache/kafka:4.3.1"
    assert SERVICES["redis"]["image"] == "redis:7"


def test_the_image_of_the_broker_is_the_version_that_is_locked() -> None:
    broker = next(jar for jar in locked_jars() if jar.artifact == "kafka-server")
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{broker.version}"
