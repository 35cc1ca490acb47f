"""Estimates for files of pairs, over a real Redis."""

from __future__ import annotations

import asyncio
import csv
import json
from pathlib import Path
from typing import Any

import pytest
import redis
import typer
from typer.testing import CliRunner

from contracts.stored import keyspace
from serving.cli import register
from tests.serving.conftest import Client
from tests.serving.lists.test_estimates import world

ROWS = [
    ("ann", "i20"),
    ("bob", "i03"),
    ("nobody", "i20"),
    ("ann", "i09"),
    ("ann", "i20"),
    ("ann", "unheard of"),
]


@pytest.fixture
def file(redis_url: str, tmp_path: Path) -> Path:
    """Pairs, and the world in Redis that knows most of them."""
    world().write(redis_url)
    path = tmp_path / "pairs.csv"
    with path.open("w", newline="") as out:
        csv.writer(out).writerows([("user_id", "item_id"), *ROWS])
    return path


def _predict(redis_url: str, file: Path, out: Path, *words: str) -> Any:
    app = typer.Typer()
    register(app)
    return CliRunner().invoke(
        app, ["predict", str(file), "--out", str(out), "--redis-url", redis_url, *words]
    )


@pytest.mark.parametrize("figure", ["rating", "preference"])
def test_estimates_equal_those_of_the_api(
    redis_url: str, file: Path, api: Client, tmp_path: Path, figure: str
) -> None:
    out = tmp_path / "estimates.jsonl"
    done = _predict(redis_url, file, out, "--figure", figure)
    assert done.exit_code == 0, done.output
    found = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(each["user_id"], each["item_id"]) for each in found] == ROWS

    async def by_api() -> list[float | None]:
        async with api(redis_url) as client:
            answers = [
                (await client.post(f"/v1/users/{user}/estimate", json={"item_ids": [item]})).json()
                for user, item in ROWS
            ]
        return [answer["items"][0][figure] for answer in answers]

    assert [each["estimate"] for each in found] == asyncio.run(by_api())
    assert found[0]["estimate"] is not None
    assert found[2]["estimate"] is found[5]["estimate"] is None


def test_pairs_without_an_estimate_are_nan_or_dropped_as_requested(
    redis_url: str, file: Path, tmp_path: Path
) -> None:
    kept, dropped = tmp_path / "kept.csv", tmp_path / "dropped.csv"
    assert "6 pairs written" in _predict(redis_url, file, kept).output
    done = _predict(redis_url, file, dropped, "--cold-start", "drop")
    assert "3 pairs written" in done.output
    assert "3 could not be estimated" in done.output
    rows = [line.split(",") for line in kept.read_text().splitlines()]
    assert rows[0] == ["user_id", "item_id", "estimate"]
    assert [row[2] == "NaN" for row in rows[1:]] == [False, False, True, True, False, True]
    assert dropped.read_text().splitlines()[1:] == [",".join(row) for row in rows[1:] if row[2] != "NaN"]


def test_the_api_gives_many_estimates_at_once(redis_url: str, file: Path, api: Client) -> None:
    async def scenario() -> None:
        async with api(redis_url) as client:
            items = [f"i{at % 30:02}" for at in range(1000)]
            path = "/v1/users/ann/estimate"
            many = (await client.post(path, json={"item_ids": items})).json()["items"]
            few = (await client.get(path, params={"item_id": items[:30]})).json()["items"]
            assert [each["item_id"] for each in many] == items
            assert many[:30] == few
            assert (await client.post(path, json={"item_ids": [*items, "one more"]})).status_code == 422

    asyncio.run(scenario())


def test_without_a_model_or_its_figure_the_error_names_the_cure(
    redis_url: str, file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "estimates.csv"
    with redis.Redis.from_url(redis_url) as client:
        client.delete(keyspace.rating_factors("v1"))
        without = _predict(redis_url, file, out)
        assert (without.exit_code, "--figure preference" in without.output) == (1, True)
        client.delete(keyspace.CURRENT_MODEL)
        none = _predict(redis_url, file, out)
        assert (none.exit_code, "headwater train" in none.output) == (1, True)
        client.delete(keyspace.STATE_VERSION)
        client.set(keyspace.CURRENT_MODEL, "v1")
        lost = _predict(redis_url, file, out)
        assert (lost.exit_code, "headwater rebuild" in lost.output) == (1, True)
    assert not out.exists()
    gone = _predict("redis://127.0.0.1:1/0", file, out)
    assert (gone.exit_code, "--redis-url" in gone.output) == (1, True)
