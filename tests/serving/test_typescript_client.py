"""The TypeScript client by Node against the real API, and its types against the contract."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from release.typescript import CONTRACT, TYPES, digest_of_contract
from tests.serving.conftest import ServedApi
from tests.serving.world import World

ASK = Path(__file__).with_name("typescript_client.mjs")


def test_the_typescript_client_reads_from_the_real_api_and_gets_its_refusals(
    redis_url: str, start_api: Callable[..., ServedApi]
) -> None:
    node = shutil.which("node")
    assert node, "the TypeScript client is tried by Node: install it (18 or newer)"
    World().write(redis_url)
    api = start_api(redis_url=redis_url, redis_timeout_seconds=2, kafka_timeout_seconds=1, api_key="secret")
    answer = subprocess.run([node, ASK, api.url], capture_output=True, text=True, check=False, timeout=60)
    assert answer.returncode == 0, answer.stderr
    found = json.loads(answer.stdout)
    assert [item["item_id"] for item in found["list"]["items"]][:1] == ["i10"]
    assert found["list"]["model_version"] == "v1"
    assert {item["item_id"] for item in found["ranked"]["items"]} == {"i03", "i10"}
    assert (found["refused"]["status"], "n" in str(found["refused"]["errors"][0])) == (422, True)
    assert (found["withoutBroker"], found["closed"]) == (503, 401)
    assert found["tries"] == {"busy": 3, "reading": 3, "writing": 1}


def test_the_typescript_types_are_those_of_the_contract() -> None:
    types = TYPES.read_text(encoding="utf-8")
    assert types.startswith(f"// Of contract.json with SHA-256 {digest_of_contract()}\n"), (
        "the API has changed: make the types anew by `python -m release typescript`"
    )
    routes = {name.split(" ")[1] for name in json.loads(CONTRACT.read_text()) if " " in name}
    assert routes == set(re.findall(r'^    "(/[^"]+)": \{', types, re.MULTILINE))
