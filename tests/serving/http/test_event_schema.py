"""The documented body accepts what the contract accepts."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from contracts.events import EVENT_TYPES, Interaction
from serving.http.event_schema import COMPONENTS, request_body

ONE = {"user_id": "u", "item_id": "i"}
CASES: list[tuple[dict[str, Any], bool]] = [
    *(
        (ONE | {"event_type": name} | ({"value": 4.5} if name == "rating" else {}), True)
        for name in EVENT_TYPES
    ),
    (ONE | {"event_type": "rating"}, False),
    (ONE | {"event_type": "rating", "value": 5.5}, False),
    (ONE | {"event_type": "like", "value": 2}, False),
    (ONE | {"event_type": "like", "price": 2}, False),
    (ONE | {"event_type": "stare"}, False),
    ({"user_id": "u", "event_type": "like"}, False),
    ({"user_id": 7, "item_id": "i", "event_type": "like"}, True),
    ({"user_id": "", "item_id": "i", "event_type": "like"}, False),
]


def validator(schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator(schema | {"components": {"schemas": COMPONENTS}})


@pytest.mark.parametrize(("event", "accepted"), CASES)
def test_the_openapi_document_describes_events_as_the_contract_does(
    event: dict[str, Any], accepted: bool
) -> None:
    schema = request_body(10)["content"]["application/json"]["schema"]
    assert validator(schema).is_valid(event) is accepted
    try:
        Interaction.model_validate(event)
    except ValueError:
        assert not accepted
    else:
        assert accepted


def test_a_batch_is_bounded_and_has_no_other_field() -> None:
    schema = request_body(2)["content"]["application/json"]["schema"]
    like = ONE | {"event_type": "like"}
    assert validator(schema).is_valid({"events": [like, like]})
    for refused in ({"events": []}, {"events": [like] * 3}, {"events": [like], "more": 1}):
        assert not validator(schema).is_valid(refused)
