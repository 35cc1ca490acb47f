from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from clients.redis.connection import redis_client
from contracts.stored import keyspace
from stack.machine.ports import free_port
from streaming.state.lease import HELD_SECONDS, Lease

pytestmark = pytest.mark.redis_cluster_too


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis_client(redis_url) as connection:
        yield connection


def test_a_second_service_waits_while_the_first_one_runs_and_starts_when_it_has_stopped(
    client: redis.Redis,
) -> None:
    clock = Clock()
    first, second = Lease(client, clock), Lease(client, clock)
    assert first.take(clock.pass_by)
    assert clock.now == 0
    assert not second.take(clock.pass_by)
    assert clock.now > HELD_SECONDS
    assert first.keep()
    second.release()  # it is not its own
    assert not second.take(clock.pass_by)
    first.release()
    assert second.take(clock.pass_by)


def test_the_lease_of_a_killed_service_ends_and_a_replaced_service_learns_it(client: redis.Redis) -> None:
    clock = Clock()
    killed, next_one = Lease(client, clock), Lease(client, clock)
    assert killed.take(clock.pass_by)
    left = client.pttl(keyspace.STREAMING_LEASE)
    assert 0 < int(left) <= 1000 * HELD_SECONDS  # type: ignore[arg-type]
    client.delete(keyspace.STREAMING_LEASE)  # as if that time had passed
    assert next_one.take(clock.pass_by)
    clock.pass_by(60)
    assert not killed.keep()
    assert next_one.keep()


def test_after_a_flush_the_holder_takes_the_lease_again(client: redis.Redis) -> None:
    clock = Clock()
    holder = Lease(client, clock)
    assert holder.take(clock.pass_by)
    client.flushall()
    clock.pass_by(60)
    assert holder.keep()
    assert not Lease(client, clock).take(clock.pass_by)


def test_while_redis_does_not_answer_the_holder_goes_on() -> None:
    with redis.Redis(port=free_port(), retry=Retry(NoBackoff(), 0)) as nobody:
        lease = Lease(nobody, Clock())
        assert lease.take(lambda _: None)
        assert lease.keep()
        lease.release()


def test_a_replaced_service_learns_it_by_the_epoch_even_when_the_later_one_has_gone(
    client: redis.Redis,
) -> None:
    clock = Clock()
    asleep, later = Lease(client, clock), Lease(client, clock)
    assert asleep.take(clock.pass_by)
    client.delete(keyspace.STREAMING_LEASE)
    assert later.take(clock.pass_by)
    assert (asleep.epoch, later.epoch) == (1, 2)
    later.release()
    assert not asleep.keep(now=True)
    assert asleep.epoch == 1
    assert not asleep.take(clock.pass_by)


def test_a_flush_does_not_change_the_epoch_of_the_holder(client: redis.Redis) -> None:
    holder = Lease(client)
    client.set(keyspace.STREAMING_EPOCH, 6)
    assert holder.take(lambda _: None)
    client.flushall()
    assert holder.keep(now=True)
    assert (holder.epoch, client.get(keyspace.STREAMING_EPOCH)) == (7, b"7")
