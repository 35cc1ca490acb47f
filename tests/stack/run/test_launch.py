from __future__ import annotations

from pathlib import Path

import pytest

from stack.machine.errors import StackError
from stack.processes.run_state import Folders
from stack.run.launch import claim_ports, clear
from stack.run.services import Options


def test_a_demo_never_empties_a_folder_that_a_demo_has_not_created(tmp_path: Path) -> None:
    precious = tmp_path / "thesis.txt"
    precious.touch()
    with pytest.raises(StackError, match="choose another --data-dir"):
        clear(Folders(tmp_path))
    assert precious.exists()


def test_a_demo_begins_with_an_empty_folder(tmp_path: Path) -> None:
    folders = Folders(tmp_path)
    clear(folders)
    folders.lake.mkdir()
    (tmp_path / "file").touch()
    clear(folders)
    assert [path.name for path in tmp_path.iterdir()] == ["made-by-headwater-demo"]


def test_port_0_gives_three_free_ports(tmp_path: Path) -> None:
    ports = claim_ports(Options(tmp_path, api_port=0, kafka_port=0, redis_port=0))
    assert len({ports.api, ports.kafka, ports.redis}) == 3


def test_the_health_checks_reach_an_api_that_listens_on_all_addresses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_HOST", "0.0.0.0")
    ports = claim_ports(Options(tmp_path, api_port=0, kafka_port=0, redis_port=0))
    assert ports.api_url == f"http://127.0.0.1:{ports.api}"
