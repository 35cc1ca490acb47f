from __future__ import annotations

from pathlib import Path

import pytest

from stack.machine.cache import cache_dir


def test_the_cache_lies_in_the_source_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEADWATER_CACHE", raising=False)
    assert cache_dir() == Path(__file__).resolve().parents[3] / ".cache"


def test_the_cache_can_be_placed_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HEADWATER_CACHE", str(tmp_path))
    assert cache_dir() == tmp_path
