from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ingest.meaning.options import ReadingOptions
from ingest.sources.consent import NotWantedError, TooMuchRefusedError, get_consent
from ingest.sources.recognise import open_source
from ingest.sources.source import FileSource

Written = Callable[..., Path]


def _source(write_file: Written, broken: int, most_refused: float = 0.05) -> FileSource:
    good = "".join(f"1,{n},3,1500000000\n" for n in range(10))
    path = write_file("x.csv", f"user_id,item_id,rating,timestamp\n{good}" + "1,2,bad,1500000000\n" * broken)
    return open_source(path, ReadingOptions(most_refused=most_refused))


def test_without_a_terminal_a_source_without_refused_rows_is_sent(write_file: Written) -> None:
    source = _source(write_file, broken=0)
    get_consent(source, None)
    source.close()


def test_without_a_terminal_too_many_refused_rows_are_an_error_with_the_cure(write_file: Written) -> None:
    source = _source(write_file, broken=1)
    with pytest.raises(TooMuchRefusedError, match=r"1 of 11 rows \(9\.1%\) .* --most-refused SHARE"):
        get_consent(source, None)
    source.close()
    allowed = _source(write_file, broken=1, most_refused=0.1)
    get_consent(allowed, None)
    allowed.close()


@pytest.mark.parametrize("broken", [0, 1])
def test_on_a_terminal_a_person_is_asked_and_may_decline(broken: int, write_file: Written) -> None:
    source = _source(write_file, broken=broken)
    asked: list[str] = []
    get_consent(source, lambda question: bool(asked.append(question)) or True)
    assert ("would be refused" in asked[0]) == bool(broken)
    with pytest.raises(NotWantedError):
        get_consent(source, lambda question: False)
    source.close()
