from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from benchmarks.context import Ratio
from benchmarks.results import Measured, store

_MODULES = [f"module{number}" for number in range(16)]


def _result(what: str) -> Measured:
    return Measured(1.0, "2026-11-29", [Ratio(what, 1.0, 2.0, 0.5, "s", None, "a peer")])


def _store(folder: Path, name: str) -> None:
    store(folder, name, _result(name), _MODULES)


def test_runs_at_once_keep_each_others_results(tmp_path: Path) -> None:
    with ProcessPoolExecutor(4, get_context("fork")) as processes:
        list(processes.map(partial(_store, tmp_path), reversed(_MODULES)))
    assert list(json.loads((tmp_path / "results.json").read_text())) == _MODULES
    assert all(f"| {name} |" in (tmp_path / "results.md").read_text() for name in _MODULES)


def test_a_newer_result_replaces_the_older_one_and_modules_that_are_gone_leave_the_table(
    tmp_path: Path,
) -> None:
    store(tmp_path, "gone", _result("gone"), ["gone"])
    store(tmp_path, "here", _result("before"), ["here"])
    store(tmp_path, "here", _result("after"), ["here"])
    assert "| after |" in (tmp_path / "results.md").read_text()
    assert list(json.loads((tmp_path / "results.json").read_text())) == ["here"]
