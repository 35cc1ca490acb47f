"""The commands, called as a user types them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from clients.topic_admin import create_topics, end_offsets
from contracts.refused_rows import read_refused_rows
from contracts.topics import CATALOG
from ingest.cli import register

Written = Callable[..., Path]
HEADER = "userId,movieId,rating,timestamp\n"


def headwater(*words: object, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "stack", *map(str, words)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=120, env={**os.environ, **environment}
    )


def in_this_process(*words: object) -> Result:
    app = typer.Typer()
    register(app)
    return CliRunner().invoke(app, [*map(str, words)])


def test_the_final_count_goes_to_stdout_as_json_and_rejected_lines_go_to_stderr(
    broker: str, write_file: Written, tmp_path: Path
) -> None:
    path = write_file(
        "ratings.csv", HEADER + "1,31,2.5,1260759144\n1,31,bad,1260759144\n2,31,5.0,1260759144\n"
    )
    kept = {"REFUSED_ROWS_FILE": str(tmp_path / "refused.jsonl")}
    stopped = headwater("ingest", path, "--json", "--bootstrap-servers", broker, **kept)
    assert (stopped.returncode, stopped.stdout) == (4, "")
    assert "1 of 3 rows (33.3%) would be refused, more than 5.0%" in stopped.stderr
    done = headwater("ingest", path, "--json", "--most-refused", "0.5", "--bootstrap-servers", broker, **kept)
    final = json.loads(done.stdout)
    assert done.returncode == 0
    (row,) = read_refused_rows(tmp_path / "refused.jsonl")
    assert row.line == 3
    assert row.reason.startswith("value 'bad' is not a number: keep only the number")
    assert (final["sent"], final["acknowledged"], final["failed"], final["rejected_lines"]) == (2, 2, 0, 1)
    assert f"{path}:3: value 'bad' is not a number" in done.stderr


def test_a_catalogue_is_imported_with_its_text_and_attributes(broker: str, write_file: Written) -> None:
    rows = "".join(f'{n}.0,"Title {n}",Drama|Comedy,{n}.5\n' for n in range(1, 2001))
    path = write_file("items.csv", f"sku,name,genres,price\n{rows}")
    create_topics(broker)
    before = sum(end_offsets(broker, CATALOG.name).values())
    done = headwater("catalog", "import", path, "--json", "--bootstrap-servers", broker)
    assert done.returncode == 0, done.stderr
    final = json.loads(done.stdout)
    assert (final["catalog_sent"], final["catalog_acknowledged"], final["failed"]) == (2000, 2000, 0)
    assert sum(end_offsets(broker, CATALOG.name).values()) == before + 2000
    assert (
        '"id":"1","title":"Title 1","categories":["Drama","Comedy"],"attributes":{"price":"1.5"}'
        in done.stderr
    )


def test_both_kafka_clients_send_the_same_events(broker: str) -> None:
    size = ("--users", 10, "--items", 50, "--ratings", 200, "--json")
    done = headwater("ingest", "synthetic", *size, KAFKA_CLIENT="confluent", KAFKA_BOOTSTRAP_SERVERS=broker)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["acknowledged"] == 200


def test_a_rating_scale_is_applied(broker: str, write_file: Written, tmp_path: Path) -> None:
    rows = "".join(f"1,{item},10,1500000000\n" for item in range(30))
    path = write_file("x.csv", f"user_id,item_id,rating,timestamp\n{rows}1,31,11,1500000000\n")
    kept = {"REFUSED_ROWS_FILE": str(tmp_path / "refused.jsonl")}
    done = headwater(
        "ingest", path, "--rating-scale", "1:10", "--json", "--bootstrap-servers", broker, **kept
    )
    assert json.loads(done.stdout)["sent"] == 30
    assert "rating '11' lies outside the scale 1:10" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_stopped_by_a_signal_prints_its_count(broker: str, number: int, tmp_path: Path) -> None:
    progress = tmp_path / "progress.json"
    words = ("ingest", "synthetic", "--endless", "--rate", "50", "--ratings", "0", "--json")
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "stack",
            *words,
            "--progress-file",
            str(progress),
            "--bootstrap-servers",
            broker,
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    _wait_until(lambda: progress.exists() and json.loads(progress.read_text())["acknowledged"] > 5)
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    final = json.loads(output)
    assert process.returncode == 0
    assert final["sent"] == final["acknowledged"] > 5
    assert json.loads(progress.read_text())["done"]


def _wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
def test_without_a_broker_one_sentence_names_the_cure_and_the_exit_code_says_so(
    write_file: Written,
) -> None:
    path = write_file("ratings.csv", HEADER + "1,31,2.5,1260759144\n")
    started = time.monotonic()
    done = headwater("ingest", path, "--bootstrap-servers", "127.0.0.1:9")
    assert (done.returncode, done.stdout) == (3, "")
    assert "start one with `headwater up`" in done.stderr
    assert time.monotonic() - started < 30


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("absent.csv",),
            "absent.csv does not exist; a source is `synthetic`, or the path of delimited text",
        ),
        (("synthetic", "--rate", "5", "--speed", "2"), "exclude each other: choose one"),
        (("synthetic", "--rate", "0"), "take a number above 0"),
        (("synthetic", "--event-type", "stare"), "--event-type takes one of view, click"),
        (("synthetic", "--users", "2", "--items", "2", "--ratings", "9"), "give at most 2 ratings"),
        (("synthetic", "--rating-scale", "5"), "--rating-scale takes MIN:MAX"),
        ((__file__, "--endless"), "--endless goes with the built-in source only"),
        ((__file__, "--columns", "who"), "--columns does not understand 'who'"),
        ((__file__, "--type", "a=b"), "--type does not understand 'a=b'; write NAME=TYPE"),
        ((__file__, "--zero-means", "nothing"), "--zero-means takes unrated"),
        ((__file__, "--encoding", "klingon"), "--encoding 'klingon' is not known"),
        ((__file__, "--most-refused", "5"), "--most-refused takes a share from 0 to 1"),
    ],
)
def test_wrong_usage_is_one_sentence(words: tuple[str, ...], message: str) -> None:
    done = in_this_process("ingest", *words)
    assert done.exit_code == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty: there is nothing to ingest"),
        ("movieId,rating\n2,3\n", "say with --columns user=NAME which of movieId, rating holds the user"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_sentence(content: str, message: str, write_file: Written) -> None:
    done = in_this_process("ingest", write_file("ratings.csv", content))
    assert done.exit_code == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_check_says_how_a_file_would_be_read_and_asks_no_broker(write_file: Written) -> None:
    path = write_file("ratings.csv", HEADER + "1,31,2.5,1260759144\n")
    done = in_this_process("ingest", path, "--check", "--bootstrap-servers", "127.0.0.1:9")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "time = timestamp (guessed)" in done.stderr
    assert "user '1' rating item '31' value 2.5 at 2009-12-14 02:52:24" in done.stderr


def test_a_download_shows_the_licence_and_ends_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOVIELENS_BASE_URL", "http://127.0.0.1:9/")
    done = in_this_process("download", "ml-1m", "--to", tmp_path)
    assert done.exit_code == 1
    licence, failure = done.stderr.splitlines()
    assert "GroupLens" in licence
    assert "check the network, or name a mirror with --base-url" in failure
