from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.client.retries import Retries

RETRIES = Retries(attempts=4, first=0.2, longest=10)


@pytest.mark.parametrize("status", [None, 503, 502, 504])
def test_a_call_that_may_have_taken_effect_is_repeated_only_if_repetition_is_harmless(
    status: int | None,
) -> None:
    assert RETRIES.wait_after(1, True, status, {}) is not None
    assert RETRIES.wait_after(1, False, status, {}) is None


def test_a_call_refused_for_overload_is_always_repeated() -> None:
    assert RETRIES.wait_after(1, False, 429, {"retry-after": "3"}) == 3


@pytest.mark.parametrize("status", [400, 401, 404, 409, 413, 422, 500])
def test_a_call_that_would_fail_again_is_not_repeated(status: int) -> None:
    assert RETRIES.wait_after(1, True, status, {}) is None


def test_a_call_is_not_repeated_if_the_api_asks_for_too_long_a_pause() -> None:
    assert RETRIES.wait_after(1, True, 503, {"retry-after": "11"}) is None


@given(attempt=st.integers(1, 3), date=st.sampled_from(["", "Sun, 29 Nov 2026 05:00:00 GMT"]))
def test_pauses_double_and_stay_within_their_bounds(attempt: int, date: str) -> None:
    wait = RETRIES.wait_after(attempt, True, 503, {"retry-after": date})
    most = 0.2 * 2 ** (attempt - 1)
    assert wait is not None
    assert most / 2 <= wait <= most
    assert RETRIES.wait_after(4, True, 503, {"retry-after": date}) is None
