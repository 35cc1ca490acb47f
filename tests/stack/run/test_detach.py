from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from stack.machine.errors import StackError
from stack.processes.run_state import Folders
from stack.run.detach import start_detached


@pytest.mark.slow
def test_a_failed_start_in_the_background_is_an_error_with_the_end_of_its_log(tmp_path: Path) -> None:
    words = ["up", "--ratings", str(tmp_path / "absent.csv"), "--data-dir", str(tmp_path)]
    with pytest.raises(StackError, match=r"(?s)did not start.*absent\.csv"):
        start_detached(words, Folders(tmp_path), Console(file=StringIO()))
