from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from pydantic import SecretStr

from stack.demo.visitors import Api
from stack.machine.ports import LOOPBACK, free_port
from stack.status import api_client


class _Echo(BaseHTTPRequestHandler):
    """Answers with the requested path and the key, with 503 under /down, and in part under /cut."""

    def do_GET(self) -> None:
        self.send_response(503 if self.path.startswith("/down") else 200)
        if self.path.startswith("/cut"):
            self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(json.dumps({"path": self.path, "key": self.headers["X-API-Key"]}).encode())

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def api() -> Iterator[str]:
    with HTTPServer((LOOPBACK, 0), _Echo) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://{LOOPBACK}:{server.server_port}"
        server.shutdown()
        thread.join()


def test_ids_are_escaped_in_a_path(api: str) -> None:
    path = api_client.recommendations(api, "a/b ü", 3)["path"]
    assert path == "/v1/users/a%2Fb%20%C3%BC/recommendations?n=3"


def test_a_refusal_is_shown_with_the_message_of_the_api(api: str) -> None:
    with pytest.raises(api_client.ApiError, match=r"503.*/down"):
        api_client.call(f"{api}/down")


def test_an_answer_that_is_cut_off_as_by_a_killed_api_is_none(api: str) -> None:
    with pytest.raises(api_client.ApiError, match="/cut did not answer: IncompleteRead"):
        api_client.call(f"{api}/cut")


def test_the_client_says_whether_an_api_answers(api: str) -> None:
    assert api_client.answers(api)
    assert not api_client.answers(f"http://{LOOPBACK}:{free_port()}/livez")


def test_visitors_use_their_key_for_reads_and_writes(api: str) -> None:
    key = SecretStr("s3cret")
    site = Api(api, key)
    site.send([{"user_id": "u"}])
    assert site.ask("u", "s")["key"] == "s3cret"
    assert api_client.send_events(api, [], key)["key"] == "s3cret"
    assert api_client.send_events(api, [])["key"] is None
