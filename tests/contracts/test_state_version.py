from __future__ import annotations

import pytest

from contracts.state_version import is_newer, state_fault
from contracts.stored import keyspace


def test_the_state_of_this_version_has_no_fault() -> None:
    assert state_fault(str(keyspace.STATE)) is None


@pytest.mark.parametrize(
    ("mark", "newer", "what", "cure"),
    [
        ("", False, "the state is not in Redis", "run `headwater rebuild`"),
        (str(keyspace.STATE - 1), False, f"of version {keyspace.STATE - 1}", "start streaming again"),
        (str(keyspace.STATE + 1), True, "a newer Headwater wrote", "start the newer Headwater again"),
        ("nonsense", False, "of version nonsense", "start streaming again"),
    ],
)
def test_the_state_of_another_version_has_a_fault_with_a_cure(
    mark: str, newer: bool, what: str, cure: str
) -> None:
    fault = state_fault(mark)
    assert fault is not None
    assert is_newer(mark) is newer
    assert what in fault.what
    assert "answers are stale" in fault.what
    assert cure in fault.cure
