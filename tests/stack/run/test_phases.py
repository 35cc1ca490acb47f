from __future__ import annotations

from io import StringIO

from rich.console import Console

from stack.run.phases import Phases


def test_each_step_is_printed_and_timed() -> None:
    out = StringIO()
    phases = Phases(Console(file=out))
    with phases("replay", "Replaying [the] source"):
        phases.detail("not shown where there is no terminal")
    assert out.getvalue().splitlines() == ["Replaying [the] source ...", "  Replaying [the] source: 0.0 s"]
    assert list(phases.seconds) == ["replay"]
    assert phases.total() >= phases.seconds["replay"]
