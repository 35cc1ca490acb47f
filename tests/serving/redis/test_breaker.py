from __future__ import annotations

from serving.redis.breaker import FAILURES_TO_OPEN, OPEN_SECONDS, CircuitBreaker


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def open_breaker(clock: Clock) -> CircuitBreaker:
    breaker = CircuitBreaker(clock)
    for _ in range(FAILURES_TO_OPEN):
        assert breaker.allows()
        breaker.record_failure()
    return breaker


def test_the_breaker_opens_only_after_failures_in_a_row() -> None:
    breaker = CircuitBreaker(Clock())
    for _ in range(5):
        breaker.record_failure()
        breaker.record_failure()
        breaker.record_success()
    assert breaker.allows()


def test_an_open_breaker_allows_one_trial_per_interval() -> None:
    clock = Clock()
    breaker = open_breaker(clock)
    assert not breaker.allows()
    clock.now += OPEN_SECONDS
    assert breaker.allows()
    assert not breaker.allows()


def test_a_failed_trial_keeps_the_breaker_open_and_a_successful_one_closes_it() -> None:
    clock = Clock()
    breaker = open_breaker(clock)
    clock.now += OPEN_SECONDS
    assert breaker.allows()
    breaker.record_failure()
    assert not breaker.allows()
    clock.now += OPEN_SECONDS
    assert breaker.allows()
    breaker.record_success()
    assert breaker.allows()
    assert breaker.allows()


def test_a_trial_that_fails_later_than_the_interval_does_not_let_the_next_caller_wait_as_long() -> None:
    clock = Clock()
    breaker = open_breaker(clock)
    clock.now += OPEN_SECONDS
    assert breaker.allows()
    clock.now += 2 * OPEN_SECONDS  # the deadline of a read
    breaker.record_failure()
    assert not breaker.allows()
