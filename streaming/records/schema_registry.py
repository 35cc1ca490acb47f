"""The schemas that a schema registry has for a topic, by Confluent's REST interface.

Redpanda, Karapace and Apicurio answer the same calls.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from http.client import HTTPException
from typing import Any, Literal, NamedTuple
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

_ANSWER_SECONDS = 10.0
_MOST_BYTES = 1 << 24
_NOT_FOUND = 404

SchemaKind = Literal["AVRO", "JSON", "PROTOBUF"]


class SchemaRegistryError(ConnectionError):
    """The registry gave no schemas; the message names the cure and no secret."""


class Schema(NamedTuple):
    """One schema, named by the id in the frame of each of its records."""

    number: int
    kind: SchemaKind
    text: str
    refers_to_others: bool = False


def registered_schemas(url: str, subjects: Sequence[str], user_info: str = "") -> Iterator[Schema]:
    """All versions of these subjects; none for a subject that does not exist yet. SchemaRegistryError.

    ``user_info`` is "user:password", for a registry that asks for it.
    """
    if not url.startswith(("http://", "https://")):
        raise SchemaRegistryError("SCHEMA_REGISTRY_URL does not begin with http:// or https://")
    for subject in subjects:
        path = f"{url.rstrip('/')}/subjects/{quote(subject, safe='')}/versions"
        for version in _get(path, user_info) or ():
            found = _get(f"{path}/{version}", user_info)
            if found is not None:  # deleted meanwhile
                yield _schema(found, path)


def _schema(found: Any, path: str) -> Schema:
    try:
        kind = found.get("schemaType", "AVRO")
        return Schema(int(found["id"]), kind, str(found["schema"]), bool(found.get("references")))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SchemaRegistryError(f"{path} gave no schema: check SCHEMA_REGISTRY_URL") from error


def _get(url: str, user_info: str) -> Any:
    """The answer's JSON; None where the registry has no such thing."""
    headers = {"Accept": "application/vnd.schemaregistry.v1+json, application/json"}
    if user_info:
        headers["Authorization"] = f"Basic {base64.b64encode(user_info.encode()).decode()}"
    try:
        with urlopen(Request(url, headers=headers), timeout=_ANSWER_SECONDS) as answer:
            return json.loads(answer.read(_MOST_BYTES))
    except HTTPError as error:
        error.close()
        if error.code == _NOT_FOUND:
            return None
        raise SchemaRegistryError(
            f"{url} answers {error.code}: check SCHEMA_REGISTRY_URL and SCHEMA_REGISTRY_USER_INFO"
        ) from error
    except (HTTPException, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or type(error).__name__
        raise SchemaRegistryError(f"{url} does not answer ({reason}): check SCHEMA_REGISTRY_URL") from error
