from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from streaming.records.schema_registry import Schema, SchemaRegistryError, registered_schemas

AVRO = '{"type": "record", "name": "E", "fields": []}'
ANSWERS: dict[str, Any] = {
    "/subjects/interactions-value/versions": [1, 2],
    "/subjects/interactions-value/versions/1": {"id": 7, "schema": AVRO, "subject": "s", "version": 1},
    "/subjects/interactions-value/versions/2": {
        "id": 9,
        "schema": "{}",
        "schemaType": "JSON",
        "references": [{"name": "n"}],
    },
    "/subjects/a%2Fb/versions": [1],
    "/subjects/a%2Fb/versions/1": {"schema": AVRO},
    "/subjects/words/versions": "not JSON",
}


class _Registry(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        given = self.headers.get("Authorization", "")
        if self.path.startswith("/subjects/closed") and given != (
            f"Basic {base64.b64encode(b'ann:secret').decode()}"
        ):
            self._answer(401, b"{}")
            return
        found = ANSWERS.get(self.path.replace("closed", "interactions-value"))
        if found is None:
            self._answer(404, b'{"error_code": 40401}')
            return
        self._answer(200, found.encode() if isinstance(found, str) else json.dumps(found).encode())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def registry() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Registry)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def test_all_versions_of_the_subjects_are_read(registry: str) -> None:
    assert list(registered_schemas(registry, ["interactions-value", "not there yet"])) == [
        Schema(7, "AVRO", AVRO),
        Schema(9, "JSON", "{}", refers_to_others=True),
    ]


def test_name_and_password_are_sent_and_never_shown_in_an_error(registry: str) -> None:
    assert len(list(registered_schemas(registry, ["closed"], "ann:secret"))) == 2
    with pytest.raises(SchemaRegistryError, match="answers 401: check SCHEMA_REGISTRY_URL and") as refused:
        list(registered_schemas(registry, ["closed"], "ann:wrong"))
    assert "wrong" not in str(refused.value)


@pytest.mark.parametrize(("subject", "sentence"), [("a/b", "gave no schema"), ("words", "does not answer")])
def test_an_answer_from_another_kind_of_server_is_an_error_that_names_the_setting(
    registry: str, subject: str, sentence: str
) -> None:
    with pytest.raises(SchemaRegistryError, match=f"{sentence}.*check SCHEMA_REGISTRY_URL"):
        list(registered_schemas(registry, [subject]))


def test_a_registry_that_does_not_answer_is_an_error_that_names_the_setting() -> None:
    with pytest.raises(SchemaRegistryError, match=r"does not answer .*: check SCHEMA_REGISTRY_URL"):
        list(registered_schemas("http://127.0.0.1:1", ["interactions-value"]))


@pytest.mark.parametrize("url", ["registry:8081", "file:///etc/passwd", ""])
def test_a_registry_may_only_have_an_http_address(url: str) -> None:
    with pytest.raises(SchemaRegistryError, match="SCHEMA_REGISTRY_URL does not begin with http"):
        list(registered_schemas(url, ["interactions-value"]))
