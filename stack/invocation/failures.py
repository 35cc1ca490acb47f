"""Failures that are no defects (a server is down, a setting is wrong) as one sentence that names a cure.

Classes are known by their names: no command imports the libraries of services that it does not use.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, NamedTuple
from urllib.parse import urlsplit

FAILED, NO_SERVER = 1, 3
_CURE = "start the stack with `headwater up`, or name the right one by --data-dir or"


class Failure(NamedTuple):
    """The sentence for the user, and the exit code."""

    sentence: str
    code: int = FAILED


def in_words(error: Exception) -> Failure | None:
    """The failure for the user; None where the error is a defect, which keeps its traceback."""
    for base in type(error).__mro__:
        describe = DESCRIPTIONS.get(f"{base.__module__}.{base.__qualname__}")
        if describe is not None:
            return describe(error)
    return None


def _own_words(error: Exception) -> Failure:
    return Failure(str(error))


def _no_broker(error: Exception) -> Failure:
    return Failure(str(error), NO_SERVER)


def _redis_down(error: Exception) -> Failure:
    """Redis does not answer, or refuses the client; the sentence leaves out the password of its address."""
    url = os.environ.get("REDIS_URL")
    address = f" at {urlsplit(url).netloc.rpartition('@')[2]}" if url else ""
    return Failure(f"Redis does not answer{address} ({error}): {_CURE} REDIS_URL", NO_SERVER)


def _kafka_down(error: Exception) -> Failure:
    return Failure(f"Kafka does not answer ({error}): {_CURE} KAFKA_BOOTSTRAP_SERVERS", NO_SERVER)


def _refused_connection(error: Exception) -> Failure:
    return Failure(f"A server refuses the connection ({error}): {_CURE} environment variables", NO_SERVER)


def _file(error: Exception) -> Failure | None:
    assert isinstance(error, OSError)
    if error.errno is None:  # one of ours, with a sentence of its own
        return Failure(str(error))
    if error.filename is None:
        return None
    return Failure(f"{error.filename}: {error.strerror}: name another file or folder, or make it accessible")


def _invalid(error: Any) -> Failure | None:
    if not error.title.endswith("Settings"):
        return None
    # The value itself may be a password.
    faults = "; ".join(
        f"{'.'.join(map(str, fault['loc'])).upper()} ({fault['msg']})" if fault["loc"] else fault["msg"]
        for fault in error.errors(include_url=False, include_input=False)
    )
    return Failure(f"A setting cannot be used: {faults}. Correct the environment variable")


def _unreadable_setting(error: Exception) -> Failure:
    return Failure(f"A setting cannot be read: {error}. Correct the environment variable: it takes JSON")


def _address(error: Exception) -> Failure | None:
    if not str(error).startswith(("Redis URL", "Port could not be cast")):
        return None
    cure = "write redis://host:port/0, or one of the forms in docs/operations.md"
    return Failure(f"REDIS_URL is no address of a Redis ({error}): {cure}")


def _java(error: Exception) -> Failure | None:
    if "JAVA_GATEWAY_EXITED" not in str(error):
        return None
    return Failure("Spark needs Java, and it did not start: `headwater doctor` tells what is missing")


def _not_installed(error: Exception) -> Failure | None:
    """A part of Headwater is installed without what it needs, as in the API's image, which has no Spark."""
    assert isinstance(error, ModuleNotFoundError)
    package = (error.name or "").partition(".")[0]
    if not package or find_spec(package):
        return None  # the package is there, and a module of it is not: a defect
    return Failure(
        f"This command needs the Python package {package}, which is not installed: "
        "pip install 'headwater[stack]' adds it; with compose: docker compose exec trainer headwater …"
    )


DESCRIPTIONS: dict[str, Callable[[Any], Failure | None]] = {
    "stack.machine.errors.StackError": _own_words,
    "clients.kafka_options.KafkaFileError": _own_words,
    "streaming.records.mapping_file.MappingError": _own_words,
    "streaming.records.schema_registry.SchemaRegistryError": _own_words,
    "training.registry.outcome.TrainingError": _own_words,
    "experiments.api.ExperimentApiError": _own_words,
    "serving.redis.store.StoreError": _redis_down,
    "stack.status.redis_state.RedisUnavailableError": _redis_down,
    "clients.storage.lake_tables.TableFeatureError": _own_words,
    "clients.event_producer.ProducerError": _no_broker,
    "redis.exceptions.ConnectionError": _redis_down,
    "redis.exceptions.TimeoutError": _redis_down,
    "redis.exceptions.InvalidResponse": _redis_down,
    "kafka.errors.KafkaConnectionError": _kafka_down,
    "kafka.errors.KafkaTimeoutError": _kafka_down,
    "pydantic_core._pydantic_core.ValidationError": _invalid,
    "pydantic_settings.exceptions.SettingsError": _unreadable_setting,
    "pyspark.errors.exceptions.base.PySparkRuntimeError": _java,
    "builtins.ConnectionRefusedError": _refused_connection,
    "builtins.ModuleNotFoundError": _not_installed,
    "builtins.OSError": _file,
    "builtins.ValueError": _address,
}
