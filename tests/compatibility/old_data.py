"""`python -m tests.compatibility.old_data --commit REV`: the present code on the data of an earlier commit.

Clones the repository at that commit, runs its demo there to fill a data folder (in this environment), notes
what it holds and answers, and starts the present code on a copy of the folder. Nothing may be lost: the lake,
the state, the offsets, the served model, its answers. And everything must go on: new events, a warm round,
`verify`, `rebuild`. Exit code 1 where something differs. Takes about six minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
from rich.console import Console

from stack.machine.cache import cache_dir
from stack.machine.jars import jars_dir
from stack.processes.run_state import Folders
from stack.run.launch import Run, running_stack
from stack.run.services import Options
from stack.status import api_client
from stack.verify.ledgers import read_lake
from stack.verify.state_file import StateFile, read_state

ROOT = Path(__file__).resolve().parents[2]
_SECONDS = 600.0  # for each thing that is waited for
_ASKED_USERS = 20
_LIST = 20
_NEW_EVENTS = 800


@dataclass(frozen=True)
class Held:
    """What a version of the code held and answered on a data folder, at rest."""

    lake: pa.Table  # the interactions, in the order of their places
    state: StateFile
    model: str  # the served version
    manifests: dict[str, dict[str, Any]]  # by version, as `models show` prints them
    lists: dict[str, list[str]]  # user -> items, best first
    histories: dict[str, Any]  # user -> what the API tells of it


@dataclass
class Findings:
    """What was checked, and what was wrong."""

    console: Console
    wrong: list[str] = field(default_factory=list)

    def check(self, what: str, holds: bool, detail: object = "") -> None:
        """Print a check, and keep it if it does not hold."""
        self.console.print(f"{'ok   ' if holds else 'WRONG'} {what} {detail}", markup=False, soft_wrap=True)
        if not holds:
            self.wrong.append(what)


@dataclass(frozen=True)
class Code:
    """A checkout of the project, used by its commands only."""

    folder: Path

    def command(self, *words: object) -> list[str]:
        """The words of a `headwater` command line."""
        return [sys.executable, "-m", "stack", *map(str, words)]

    def environment(self, more: Mapping[str, str]) -> dict[str, str]:
        """The environment of its commands, with the jars and the Java of this checkout."""
        return {**os.environ, "PYTHONPATH": str(self.folder), "HEADWATER_CACHE": str(cache_dir()), **more}

    def headwater(self, *words: object, env: Mapping[str, str] | None = None) -> str:
        """The output of a `headwater` command. Raises SystemExit with that output if the command fails."""
        done = subprocess.run(
            self.command(*words),
            cwd=self.folder,
            env=self.environment(env or {}),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"{' '.join(map(str, words))}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
        return done.stdout

    @contextmanager
    def up(self, data: Path) -> Iterator[dict[str, str]]:
        """Start the stack without a producer and rounds; gives its addresses when the API is ready."""
        ports = ("--api-port", "0", "--kafka-port", "0", "--redis-port", "0")
        words = self.command("up", "--no-producer", "--train-every", 0, "--data-dir", data, *ports)
        with subprocess.Popen(words, cwd=self.folder, env=self.environment({})) as process:
            try:
                yield self._addresses(data, process)
            finally:
                process.terminate()

    def _addresses(self, data: Path, process: subprocess.Popen[bytes]) -> dict[str, str]:
        deadline = time.monotonic() + _SECONDS
        command = self.command("status", "--data-dir", data, "--json")
        while time.monotonic() < deadline and process.poll() is None:
            told = subprocess.run(
                command, cwd=self.folder, env=self.environment({}), capture_output=True, check=False
            )
            status = json.loads(told.stdout or "{}")
            if status.get("api_ready") and status.get("lag_lake") == status.get("lag_online") == 0:
                addresses: dict[str, str] = status["addresses"]
                return addresses
            time.sleep(1.0)
        raise SystemExit(f"the code of {self.folder} did not start on {data}")


def clone(commit: str, folder: Path) -> Code:
    """The repository at a commit."""
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    subprocess.run(["git", "-C", str(folder), "checkout", "--quiet", commit], check=True)
    return Code(folder)


def observe(code: Code, data: Path, addresses: Mapping[str, str], scratch: Path) -> Held:
    """Ask a running stack for what it holds and answers, by its own commands and its API."""
    api = addresses["api"]
    env = {
        "REDIS_URL": addresses["redis"],
        "KAFKA_BOOTSTRAP_SERVERS": addresses["kafka"],
        "LAKE_URI": str(Folders(data).lake),
        "MODELS_URI": str(Folders(data).models),
    }
    state = scratch / f"state-{time.time_ns()}.jsonl"
    code.headwater("verify", "export-state", state, env=env)
    lake = read_lake(env["LAKE_URI"]).sort_by([("partition", "ascending"), ("offset", "ascending")])
    users = sorted(set(lake["user_id"].to_pylist()))[:_ASKED_USERS]
    versions = json.loads(code.headwater("models", "list", "--json", env=env))
    answers = {user: api_client.recommendations(api, user, _LIST) for user in users}
    return Held(
        lake=lake,
        state=read_state(state),
        model=next(each["version"] for each in versions if each["served"]),
        manifests={
            each["version"]: json.loads(code.headwater("models", "show", each["version"], env=env))
            for each in versions
        },
        lists={user: [item["item_id"] for item in answer["items"]] for user, answer in answers.items()},
        histories={user: api_client.history(api, user, _LIST) for user in users},
    )


def compare(old: Held, new: Held, findings: Findings) -> None:
    """Nothing of what the old code held is lost or different before anything new happens."""
    findings.check("lake: the same rows", old.lake.equals(new.lake), f"({old.lake.num_rows:,})")
    head, found = old.state.head, new.state.head
    findings.check(
        "offsets: applied online", head.applied_online == found.applied_online, found.applied_online
    )
    findings.check(
        "offsets: applied to the lake", head.applied_lake == found.applied_lake, found.applied_lake
    )
    for name in ("histories", "retracted", "popularity"):
        before, after = getattr(old.state.state, name), getattr(new.state.state, name)
        findings.check(f"state: {name}", before == after, f"({len(after):,})")
    trends = new.state.state.trending  # a half-life may be new
    findings.check("state: trending", is_kept(old.state.state.trending, trends), f"({len(trends):,})")
    findings.check("model: the served version", old.model == new.model, new.model)
    for version, manifest in old.manifests.items():
        shown = new.manifests.get(version, {})
        what = f"model: `models show {version}`"
        findings.check(what, is_kept(manifest, shown), f"(format {shown.get('format')})")
    findings.check("answers: the same lists", old.lists == new.lists, f"({len(new.lists)} users)")
    findings.check("answers: the same histories", is_kept(old.histories, new.histories))


def is_kept(old: object, new: object) -> bool:
    """Whether all that an old JSON value says is in the new one; objects may have more keys."""
    if isinstance(old, dict) and isinstance(new, dict):
        return all(name in new and is_kept(value, new[name]) for name, value in old.items())
    return old == new


def go_on(run: Run, code: Code, old: Held, scratch: Path, findings: Findings) -> None:
    """New events are applied once, a round starts from the old model, and every invariant holds."""
    env = {
        "REDIS_URL": run.ports.redis_url,
        "KAFKA_BOOTSTRAP_SERVERS": run.ports.bootstrap,
        "LAKE_URI": str(run.folders.lake),
        "MODELS_URI": str(run.folders.models),
        "CHECKPOINTS_URI": str(run.folders.checkpoints),
    }
    ledger, rejected, state = (scratch / name for name in ("sent.jsonl", "rejected.jsonl", "state.jsonl"))
    words = ("ingest", "synthetic", "--endless", "--rate", 500, "--limit", _NEW_EVENTS, "--ledger", ledger)
    mark = ("--replayed-file", run.folders.data / "replayed")
    sent = json.loads(code.headwater(*words, *mark, "--json", env=env))
    findings.check("new events: the history is not sent again", sent["catalog_sent"] == 0, sent["sent"])
    run.supervisor.wait_until("the new events to be applied", lambda: _is_applied(run, code), _SECONDS)
    lake = read_lake(env["LAKE_URI"])
    places = lake.group_by(["partition", "offset"]).aggregate([])
    expected = old.lake.num_rows + sent["acknowledged"]
    findings.check("new events: in the lake once", lake.num_rows == places.num_rows == expected, expected)
    kept = lake.sort_by([("partition", "ascending"), ("offset", "ascending")])
    again = kept.join(
        old.lake.select(["partition", "offset"]), keys=["partition", "offset"], join_type="left semi"
    )
    findings.check("new events: the old rows are untouched", again.num_rows == old.lake.num_rows)

    trained = json.loads(code.headwater("train", "--now", "--wait", _SECONDS, "--json", env=env))
    manifest = trained["manifest"]
    findings.check("round: published", trained["outcome"] == "published", trained["outcome"])
    findings.check("round: warm, from the old version", bool(manifest["fit"]["warm"]), manifest["version"])
    findings.check("round: after the old version", manifest["previous"] == old.model, manifest["previous"])
    run.supervisor.wait_until(
        "the API to serve it",
        lambda: _version_of(run, next(iter(old.lists))) == manifest["version"],
        _SECONDS,
    )
    rejected.write_text(code.headwater("rejects", "--json", "--limit", 100_000_000, env=env))
    code.headwater("verify", "export-state", state, env=env)
    ledgers = ("--acknowledged", ledger, "--rejected", rejected, "--state", state, "--other-producers")
    findings.check("verify: holds", True, code.headwater("verify", *ledgers, env=env).strip())
    rebuilt = json.loads(
        code.headwater("rebuild", "--json", env=env | {"SPARK_JARS_DIR": str(jars_dir("spark"))})
    )
    findings.check("rebuild: the same digest", rebuilt["equal"], rebuilt["after"][:16])


def _is_applied(run: Run, code: Code) -> bool:
    status = json.loads(code.headwater("status", "--data-dir", run.folders.data, "--json"))
    return bool(status["lag_lake"] == status["lag_online"] == 0)


def _version_of(run: Run, user: str) -> str:
    return str(api_client.recommendations(run.ports.api_url, user, 1)["model_version"])


def main() -> int:
    """Exit code 1 where something was lost or did not go on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commit", required=True, help="whose data is read")
    parser.add_argument(
        "--data-dir", type=Path, help="a data folder that this commit left, instead of a new one"
    )
    asked = parser.parse_args()
    findings = Findings(Console(width=160))
    with tempfile.TemporaryDirectory(prefix="headwater-old-data-") as name:
        scratch = Path(name)
        old_code, new_code, data = clone(asked.commit, scratch / "code"), Code(ROOT), scratch / "data"
        if asked.data_dir:
            shutil.copytree(asked.data_dir, data)
        else:
            ports = ("--api-port", 0, "--kafka-port", 0, "--redis-port", 0)
            old_code.headwater("demo", "--once", "--data-dir", data, *ports)
        with old_code.up(data) as addresses:
            old = observe(old_code, data, addresses, scratch)
        copy = scratch / "copy"
        shutil.copytree(data, copy)
        options = Options(
            data_dir=copy, api_port=0, kafka_port=0, redis_port=0, producer=False, train_every=0
        )
        with running_stack(options, findings.console) as run:
            run.supervisor.wait_until("no lag", lambda: _is_applied(run, new_code), _SECONDS)
            addresses = {"api": run.ports.api_url, "kafka": run.ports.bootstrap, "redis": run.ports.redis_url}
            compare(old, observe(new_code, copy, addresses, scratch), findings)
            go_on(run, new_code, old, scratch, findings)
    findings.console.print(f"{len(findings.wrong)} wrong")
    return bool(findings.wrong)


if __name__ == "__main__":
    sys.exit(main())
