"""docker-compose.yml agrees with settings, servers and documents; `make compose-rehearsal` runs it."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
import redis
from pydantic import BaseModel

from contracts import settings, topics
from contracts.stored import keyspace
from contracts.stored.ingest_progress import IngestProgress
from stack.machine.broker import server_properties
from stack.machine.ports import LOOPBACK, free_port
from stack.machine.redis_server import redis_plan
from tests.compose.compose_files import COMPOSE, OURS, REHEARSAL, ROOT, SERVICES, stage
from tests.faults.processes import wait_until

PASSWORD = "${REDIS_PASSWORD:-headwater}"
IN_A_PROFILE = frozenset(name for name, service in SERVICES.items() if service.get("profiles"))
SETTINGS_OF: dict[str, type[BaseModel]] = {
    "streaming": settings.StreamingSettings,
    "trainer": settings.TrainingSettings,
    "api": settings.ServingSettings,
    "guardrails": settings.ExperimentSettings,
    "producer": settings.KafkaSettings,
}
SETTINGS = {name.upper() for kind in SETTINGS_OF.values() for name in kind.model_fields}
SERVER_OF_SETTING = {"kafka_bootstrap_servers": "kafka", "redis_url": "redis", "api_url": "api"}
# Each service's folder is a volume of its own or a shared one; the image makes it for its user.
IMAGE_OF_FOLDERS = {"streaming": "spark", "trainer": "spark", "api": "serving", "guardrails": "experiments"}


def needs(name: str) -> set[str]:
    """The services that one waits for, directly or through others."""
    direct = set(SERVICES[name].get("depends_on", ()))
    return direct.union(*(needs(other) for other in direct))


def listeners(variable: str) -> dict[str, str]:
    """Address by listener's name."""
    told = SERVICES["kafka"]["environment"][variable]
    return dict(listener.split("://") for listener in told.split(","))


def answers(url: str) -> bool:
    with redis.Redis.from_url(url) as client, suppress(redis.RedisError):
        return bool(client.ping())
    return False


def options_of(command: Sequence[str]) -> dict[str, str]:
    """Value by name of the options after the program."""
    words = list(command)[1:]
    return {name.removeprefix("--"): value for name, value in zip(words[::2], words[1::2], strict=True)}


def test_the_rehearsal_waits_for_every_service_that_starts_by_itself() -> None:
    found = re.search(r"for service in (.*); do", REHEARSAL)
    assert found is not None
    assert set(found[1].split()) == set(SERVICES) - IN_A_PROFILE


def test_every_port_is_open_on_loopback_only() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)
    assert all(service.get("network_mode") is None for service in SERVICES.values())


def test_the_file_holds_no_secret() -> None:
    told = [pair for service in SERVICES.values() for pair in service.get("environment", {}).items()]
    secrets = [(name, value) for name, value in told if re.search("PASSWORD|SECRET|TOKEN|_KEY$", name)]
    assert secrets
    assert all(str(value).startswith("${") for _, value in secrets)


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_has_a_health_check_and_restarts_when_it_dies(name: str) -> None:
    health = SERVICES[name]["healthcheck"]
    assert {"test", "interval", "timeout", "retries", "start_period"} <= set(health)
    assert SERVICES[name]["restart"] == "unless-stopped"
    assert SERVICES[name]["stop_grace_period"].endswith("s")


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_runs_without_root_and_with_limits(name: str) -> None:
    service = SERVICES[name]
    assert service["user"].split(":")[0] not in ("", "0", "root")
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"]
    assert 0 < service["pids_limit"] <= 2000  # threads count
    assert service["logging"]["options"]["max-size"]
    # The official Kafka image writes its configuration beside its programs.
    assert service.get("read_only", False) is (name != "kafka")


def test_services_wait_until_their_dependencies_are_healthy() -> None:
    for service in SERVICES.values():
        assert all(how == {"condition": "service_healthy"} for how in service.get("depends_on", {}).values())


@pytest.mark.parametrize("name", OURS)
def test_a_service_waits_for_the_servers_that_its_settings_name(name: str) -> None:
    fields = SETTINGS_OF[name].model_fields
    assert {server for setting, server in SERVER_OF_SETTING.items() if setting in fields} <= needs(name)


def test_services_that_read_the_lake_wait_for_the_service_that_creates_it() -> None:
    with_lake = {name for name in OURS if "LAKE_URI" in SERVICES[name]["environment"]}
    assert {name for name in with_lake if "streaming" in needs(name)} == with_lake - {"streaming"}


def test_optional_services_start_only_with_a_profile() -> None:
    needed = {*OURS, *(server for name in OURS for server in needs(name))}
    assert set(SERVICES) - needed == IN_A_PROFILE
    for name in IN_A_PROFILE:
        mounted = [volume for volume in SERVICES[name]["volumes"] if volume.startswith("./")]
        assert mounted
        assert all(volume.endswith(":ro") for volume in mounted)
        assert all((ROOT / volume.split(":")[0]).exists() for volume in mounted)


@pytest.mark.parametrize("name", OURS)
def test_our_services_get_only_settings_that_exist(name: str) -> None:
    assert set(SERVICES[name]["environment"]) <= SETTINGS


@pytest.mark.parametrize("name", OURS)
def test_services_get_addresses_that_other_services_listen_on(name: str) -> None:
    told = SERVICES[name]["environment"]
    if "API_URL" in told:
        assert told["API_URL"] == "http://api:8000"
        assert "EXPOSE 8000" in stage("serving")[1]
        return
    assert told["KAFKA_BOOTSTRAP_SERVERS"] == listeners("KAFKA_ADVERTISED_LISTENERS")["INSIDE"]
    address = re.fullmatch(rf"redis://:{re.escape(PASSWORD)}@(\w+):(\d+)/0", told["REDIS_URL"])
    assert address is not None
    assert "redis-server" in SERVICES[address[1]]["command"][-1]
    assert address[2] == "6379"  # Redis' own, which the command leaves alone
    assert "--port" not in SERVICES[address[1]]["command"][-1]


def test_the_broker_has_the_settings_of_the_one_in_make_demo() -> None:
    ours = server_properties(Path("/folder"), 9092, 9093)
    told = {
        key.removeprefix("KAFKA_").lower().replace("_", "."): str(value)
        for key, value in SERVICES["kafka"]["environment"].items()
    }
    local = {"listeners", "advertised.listeners", "log.dirs", "controller.quorum.voters"}
    shared = set(ours) & set(told) - local
    assert {key: told[key] for key in shared} == {key: ours[key] for key in shared}
    assert told["auto.create.topics.enable"] == "false"
    assert int(told["message.max.bytes"]) >= int(topics.REJECTED.config["max.message.bytes"])
    assert {key for key in told if "replication.factor" in key or key.endswith("min.isr")} >= {
        "offsets.topic.replication.factor",
        "transaction.state.log.replication.factor",
        "transaction.state.log.min.isr",
    }


def test_the_broker_listens_where_it_sends_its_clients() -> None:
    bound, advertised = listeners("KAFKA_LISTENERS"), listeners("KAFKA_ADVERTISED_LISTENERS")
    assert bound.keys() - advertised.keys() == {"CONTROLLER"}
    inside, outside = advertised["INSIDE"], advertised["OUTSIDE"]
    assert inside == f"kafka{bound['INSIDE']}"
    (published,) = SERVICES["kafka"]["ports"]
    host_port = outside.removeprefix("localhost:")
    assert published == f"127.0.0.1:{host_port}{bound['OUTSIDE']}"
    told = SERVICES["kafka"]["environment"]
    assert told["KAFKA_CONTROLLER_QUORUM_VOTERS"] == f"{told['KAFKA_NODE_ID']}@{bound['CONTROLLER']}"
    protocols = told["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(",")
    assert {pair.split(":")[0] for pair in protocols} == bound.keys()


def test_redis_has_the_settings_of_the_one_in_make_demo_and_is_not_published(tmp_path: Path) -> None:
    words = SERVICES["redis"]["command"][-1].partition("<<")[0].removeprefix("exec ").split()
    assert words[1] == "-"  # the rest of the configuration: standard input
    told, ours = options_of(words[1:]), options_of(redis_plan(tmp_path, 1).command)
    assert {"maxmemory-policy", "appendonly", "appendfsync"} <= told.keys()
    assert {name: told[name] for name in told.keys() & ours.keys()} == {
        name: ours[name] for name in told.keys() & ours.keys()
    }
    assert ours["maxmemory-policy"] == "noeviction"
    # Rewriting the log copies pages: twice the data must fit.
    assert 2 * int(told["maxmemory"].removesuffix("mb")) <= int(
        SERVICES["redis"]["mem_limit"].removesuffix("m")
    )
    assert "ports" not in SERVICES["redis"]


def test_the_command_of_redis_asks_for_its_password_and_shows_it_to_nobody(tmp_path: Path) -> None:
    """The shell's script with the bundled server: as the container runs it, on a port of its own."""
    port, server = free_port(), Path(redis_plan(tmp_path, 1).command[0])
    script = SERVICES["redis"]["command"][-1].replace("$$", "$")
    options = f"redis-server - --port {port} --bind {LOOPBACK} --dir {tmp_path} "
    script = script.replace("redis-server - ", options)
    env = {"PATH": f"{server.parent}:{os.environ['PATH']}", "REDISCLI_AUTH": "s3cret"}
    with subprocess.Popen(["sh", "-c", script], env=env, stdout=subprocess.DEVNULL) as process:
        try:
            url = f"redis://:s3cret@{LOOPBACK}:{port}/0"
            wait_until(lambda: answers(url), "Redis answers")
            assert not answers(f"redis://{LOOPBACK}:{port}/0")
            command = Path(f"/proc/{process.pid}/cmdline")
            assert not command.exists() or b"s3cret" not in command.read_bytes()
            with redis.Redis.from_url(url) as client:
                client.hset(keyspace.APPLIED_LAKE, "interactions:0", 1)
                client.hset(keyspace.TRAINING_STATUS, "phase", "idle")
            for name in ("streaming", "trainer"):
                check = SERVICES[name]["healthcheck"]["test"][-1].replace("$$", "$")
                check = check.replace("/dev/tcp/redis/6379", f"/dev/tcp/{LOOPBACK}/{port}")
                for password, code in (("s3cret", 0), ("wrong", 1)):
                    asked = {"REDIS_URL": f"redis://:{password}@redis:6379/0"}
                    done = subprocess.run(["bash", "-c", check], env=asked, check=False)
                    assert done.returncode == code, (name, password)
        finally:
            process.terminate()


def test_services_that_hold_state_cannot_reach_the_internet_and_only_published_ones_can() -> None:
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    for name, service in SERVICES.items():
        # A port of a service that is only in an internal network is not published.
        assert "default" in service["networks"] or "ports" not in service
        for other in service.get("depends_on", ()):
            assert set(service["networks"]) & set(SERVICES[other]["networks"]), (name, other)
    assert {name for name in SERVICES if "default" not in SERVICES[name]["networks"]} == {
        "redis",
        "streaming",
        "trainer",
        "guardrails",
    }


def test_health_checks_ask_for_addresses_that_exist() -> None:
    asked = {name: " ".join(SERVICES[name]["healthcheck"]["test"]) for name in SERVICES}
    assert f"OBJECT IDLETIME {keyspace.APPLIED_LAKE}\\r" in asked["streaming"]
    assert f"HGET {keyspace.TRAINING_STATUS} phase\\r" in asked["trainer"]
    assert all(hasattr(IngestProgress(), name) for name in re.findall(r'\)\["(\w+)"\]', asked["producer"]))
    (file,) = set(re.findall(r"/tmp/[\w.]+", asked["producer"]))
    assert f"--progress-file {file}" in SERVICES["producer"]["command"]
    (file,) = set(re.findall(r"/tmp/[\w.]+", asked["guardrails"]))
    assert f"--looked-file {file}" in SERVICES["guardrails"]["command"]
    assert all(
        name in SERVICES["guardrails"]["environment"]
        for name in re.findall(r'environ\["(\w+)', asked["guardrails"])
    )


def test_the_documented_memory_is_the_sum_of_the_limits() -> None:
    def gigabytes(names: Iterable[str]) -> float:
        limits = [SERVICES[name]["mem_limit"] for name in names]
        return sum(float(limit[:-1]) / {"g": 1, "m": 1024}[limit[-1]] for limit in limits)

    text = (ROOT / "docs" / "compose.md").read_text()
    default, watched = gigabytes(set(SERVICES) - IN_A_PROFILE), gigabytes(IN_A_PROFILE)
    assert f"add up to {default:g} GB (and {watched:g} GB with `watch`)" in " ".join(text.split())


def usual(environment: dict[str, str], name: str) -> str:
    """The value of a variable where the user's environment does not set it."""
    found = re.fullmatch(rf"\$\{{{name}:-(.*)\}}", environment[name])
    assert found is not None
    return found[1]


def test_data_lies_in_named_volumes_and_the_lake_is_shared() -> None:
    mounted = {
        name: dict(
            v.removesuffix(":ro").split(":") for v in service.get("volumes", ()) if not v.startswith("./")
        )
        for name, service in SERVICES.items()
    }
    assert {volume for volumes in mounted.values() for volume in volumes} == set(COMPOSE["volumes"])
    assert mounted["streaming"]["lake"] == mounted["trainer"]["lake"] == "/data/lake"
    for name in ("streaming", "trainer"):
        told, folders = SERVICES[name]["environment"], set(mounted[name].values())
        assert {usual(told, "LAKE_URI"), usual(told, "CHECKPOINTS_URI")} <= folders
    assert usual(SERVICES["trainer"]["environment"], "MODELS_URI") in mounted["trainer"].values()
    assert "lake:/data/lake:ro" in SERVICES["guardrails"]["volumes"]  # who only reads cannot write
    assert SERVICES["api"]["environment"]["EXPOSURE_COUNTS_DIR"] in mounted["api"].values()
    for name in OURS:
        image = IMAGE_OF_FOLDERS.get(name)
        owned = image and re.search(r"install -d -o headwater -g headwater (.*)", stage(image)[1])
        assert set(mounted[name].values()) <= set(owned[1].split() if owned else ())
