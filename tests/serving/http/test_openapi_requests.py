"""The document is true: Schemathesis sends what it allows and what it forbids."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import redis
import schemathesis
from hypothesis import strategies as st
from schemathesis.checks import load_all_checks
from schemathesis.generation.hypothesis.builder import HypothesisTestConfig, HypothesisTestMode, create_test
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from clients.topic_admin import create_topics
from contracts.identifiers import BLANKS, INEXACT_FROM
from contracts.moments import EARLIEST_PLAUSIBLE_MS
from contracts.stored import keyspace
from contracts.topics import TOPICS
from serving.app import create_app
from serving.http.access import HEADER
from serving.writes.write_token import encode_token
from tests.serving.conftest import serve, settings_of
from tests.serving.http.test_contract import STORED
from tests.serving.world import World

_IDS = ("event_id", "user_id", "item_id", "recommendation_id", "session_id")


def events_of(body: Any) -> list[Any]:
    batch = body.get("events") if isinstance(body, dict) and "events" in body else [body]
    return batch if isinstance(batch, list) else [batch]


def out_of_time(event_time: Any) -> bool:
    """Whether it is a time that the document allows, but in the future or before 1990."""
    if isinstance(event_time, str):
        with suppress(ValueError):
            event_time = datetime.fromisoformat(event_time.replace("Z", "+00:00")).timestamp() * 1000
            return event_time < EARLIEST_PLAUSIBLE_MS or event_time > time.time() * 1000
        return False
    return isinstance(event_time, int) and event_time > time.time() * 1000


def has_whole_float_time(body: Any) -> bool:
    """Whether a time is written as 1.0, which is an integer to JSON Schema alone."""
    times = [event.get("event_time") for event in events_of(body) if isinstance(event, dict)]
    return any(isinstance(moment, float) and moment.is_integer() for moment in times)


def lost_digits(entry_id: Any) -> bool:
    """Whether it is a number that the document allows, but a float that has lost digits."""
    return isinstance(entry_id, float) and abs(entry_id) >= INEXACT_FROM


def map_body(context: schemathesis.HookContext, body: Any) -> Any:
    """Rules that JSON Schema cannot express: no time is in the future, and no id has lost digits."""
    for event in events_of(body):
        if isinstance(event, dict):
            if out_of_time(event.get("event_time")):
                del event["event_time"]
            event |= {name: "7" for name in _IDS if lost_digits(event.get(name))}
    return body


# What a write answered with; its offsets are applied in the world of this test, so that nothing waits.
TOKENS = st.dictionaries(st.integers(0, 3), st.integers(0, 1000), max_size=4).map(encode_token)
schemathesis.openapi.format("write-token", TOKENS)
FILTERS = ["category = Comedy", "not (year < 1990 or title != x)", 'category in (a, "b c")']
schemathesis.openapi.format("filter-expression", st.sampled_from(FILTERS))
KEYS = {"read_api_key": "reader", "api_key": "writer", "admin_api_key": "admin"}


@cache
def operations_of(has_keys: bool) -> dict[str, APIOperation]:
    """The operations of the API's own document, by method and path."""
    keys = KEYS if has_keys else {}
    schema = schemathesis.openapi.from_dict(create_app(settings_of(**keys)).openapi())
    schema.hook(map_body)
    return {each.label: each for each in (result.ok() for result in schema.get_all_operations())}


def send_requests(
    operation: APIOperation,
    judge: Callable[[schemathesis.Case], None],
    random_requests: int,
    modes: list[HypothesisTestMode],
) -> None:
    """Send the requests of these modes for an operation, so many of them at random.

    Schemathesis' own `parametrize` makes all of them when a test is collected, which every worker does.
    """
    settings = hypothesis.settings(
        max_examples=random_requests,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(hypothesis.HealthCheck),
    )

    @settings
    def send(case: schemathesis.Case) -> None:
        judge(case)

    load_all_checks()
    config = HypothesisTestConfig(project=operation.schema.config, modes=modes)
    create_test(operation=operation, test_func=send, config=config)()


@pytest.fixture(scope="module")
def environment(broker: str, redis_server_url: str) -> dict[str, object]:
    create_topics(broker, TOPICS)
    World().write(redis_server_url)
    client = redis.Redis.from_url(redis_server_url)
    client.hset(keyspace.APPLIED_ONLINE, mapping={f"interactions:{p}": 2000 for p in range(4)})
    client.close()
    at_redis = {"redis_url": redis_server_url, "redis_timeout_seconds": 5}
    return at_redis | {"kafka_bootstrap_servers": broker, "kafka_timeout_seconds": 20}


@contextmanager
def without_traceback(log: Path, environment: dict[str, object]) -> Iterator[str]:
    """The address of an API; fails at the end if the API has logged an error."""
    with serve(log, **environment) as api:
        yield api.url
    assert "Traceback" not in log.read_text()


@pytest.fixture(scope="module")
def url(environment: dict[str, object], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with without_traceback(tmp_path_factory.mktemp("api") / "api.log", environment) as address:
        yield address


@pytest.fixture(scope="module")
def guarded_url(environment: dict[str, object], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    log = tmp_path_factory.mktemp("guarded") / "api.log"
    with without_traceback(log, environment | KEYS) as address:
        yield address


def has_outer_blanks(part: Any) -> bool:
    """Whether a text of the request begins or ends with a blank, which is removed before an id is judged."""
    if isinstance(part, str):
        return part != part.strip(BLANKS)
    parts = part.values() if isinstance(part, dict) else part if isinstance(part, list) else []
    return any(has_outer_blanks(each) for each in parts)


def judge(case: schemathesis.Case, url: str, **headers: str) -> None:
    """Run all of Schemathesis' checks on one request."""
    response = case.call(base_url=url, headers=headers)
    # A batch may hold a bad event: it is named in the answer, and the others are accepted.
    named = response.status_code == 202 and response.json().get("rejected")
    excluded = [negative_data_rejection] if named else []
    if has_outer_blanks([dict(case.path_parameters or {}), dict(case.query or {}), case.body]):
        excluded.append(negative_data_rejection)
    if has_whole_float_time(case.body):
        excluded += [negative_data_rejection, positive_data_acceptance]
    # Two arms of one name, or weights that sum to zero, are beyond JSON Schema.
    if response.status_code == 422 and case.path == "/v1/experiments":
        excluded.append(positive_data_acceptance)
    case.validate_response(response, excluded_checks=excluded)


# Their names are read from the stored contract: to ask the API for its document takes each worker a second.
LABELS = [name for name in json.loads(STORED.read_text(encoding="utf-8")) if " " in name]
each_operation = pytest.mark.parametrize("label", LABELS)


def test_every_operation_is_tried() -> None:
    assert set(operations_of(has_keys=True)) == set(operations_of(has_keys=False)) == set(LABELS)


@each_operation
def test_the_api_behaves_as_its_openapi_document_says(label: str, url: str) -> None:
    operation = operations_of(has_keys=False)[label]
    send_requests(operation, lambda case: judge(case, url), 25, list(HypothesisTestMode))


@each_operation
def test_an_api_with_keys_behaves_as_documented_and_refuses_requests_without_a_key(
    label: str, guarded_url: str
) -> None:
    operation = operations_of(has_keys=True)[label]
    # Among the checks: without its key, and with another, a request is refused. Which values are refused is
    # the other test's matter.
    headers = {HEADER: KEYS["admin_api_key"]}
    modes = [HypothesisTestMode.FUZZING]
    send_requests(operation, lambda case: judge(case, guarded_url, **headers), 6, modes)
