from __future__ import annotations

import pytest

from ingest.files.rejected_lines import SourceError
from ingest.meaning.options import parse_separator, reading_options


@pytest.mark.parametrize(
    ("typed", "separator"),
    [(";", ";"), ("tab", "\t"), ("\\t", "\t"), ("\\x01", "\x01"), ("||", "||"), (" - ", " - ")],
)
def test_a_separator_is_used_as_typed(typed: str, separator: str) -> None:
    assert parse_separator(typed) == separator


@pytest.mark.parametrize("typed", ["", "\n", '"', "a\rb"])
def test_a_separator_that_cannot_separate_fields_is_refused(typed: str) -> None:
    with pytest.raises(SourceError, match="--separator"):
        parse_separator(typed)


def test_a_format_of_times_with_names_of_zones_is_refused() -> None:
    with pytest.raises(SourceError, match="reads no names of zones"):
        reading_options(time_format="%Y-%m-%d %H:%M:%S %Z")
    assert reading_options(time_format="%Y-%m-%d %H:%M:%S %z").time_format is not None
