from __future__ import annotations

import typer
from typer.testing import CliRunner

from ingest.meaning.command_line import TypedReading, with_reading_options


def test_a_command_has_the_common_options_beside_its_own_and_gets_them_as_one_value() -> None:
    app = typer.Typer()
    got: list[tuple[str, TypedReading]] = []

    @app.command()
    @with_reading_options
    def read(path: str, reading: TypedReading = TypedReading()) -> None:  # noqa: B008
        got.append((path, reading))

    words = ["x.csv", "--columns", "user=a,item=b", "--type", "a=view", "--time-from-zero", "--check"]
    answer = CliRunner().invoke(app, words)
    assert answer.exit_code == 0, answer.output
    ((path, reading),) = got
    assert (path, reading.check) == ("x.csv", True)
    options = reading.options(0.2)
    assert (options.columns, options.types) == ({"user": "a", "item": "b"}, {"a": "view"})
    assert (options.time_from_zero, options.most_refused) == (True, 0.2)
    # The other command gets the options of reading, and not those of asking.
    assert reading.words() == words[1:-1]
