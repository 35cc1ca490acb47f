"""Simulated users whose clicks are known, for the tests of experiments and for their simulations."""

from __future__ import annotations

import numpy as np

from experiments.statistics.ratio import ArmValue, Array, RatioSums, arm_value, ratio_sums


def looks_of_an_arm(
    rng: np.random.Generator, runs: int, looks: int, users_a_look: int, lift: float = 0.0
) -> ArmValue:
    """Click-through rates of one arm at each look, shape (runs, looks): users differ much in both figures."""
    shape = (runs, looks, users_a_look)
    appetite = rng.beta(1.0, 9.0, shape)
    impressions = np.asarray(1.0 + rng.poisson(rng.exponential(4.0, shape)), dtype=np.float64)
    clicks = rng.binomial(impressions.astype(np.int64), appetite * (1 + lift)).astype(np.float64)

    def so_far(each: Array) -> Array:
        return np.asarray(each.sum(axis=-1).cumsum(axis=-1))

    units = np.broadcast_to(np.arange(1, looks + 1) * float(users_a_look), (runs, looks))
    return arm_value(
        RatioSums(
            units=units,
            numerator=so_far(clicks),
            denominator=so_far(impressions),
            numerator_squared=so_far(clicks * clicks),
            denominator_squared=so_far(impressions * impressions),
            product=so_far(clicks * impressions),
        )
    )


def looks_at_returning_users(
    rng: np.random.Generator, runs: int, looks: int, users: int, lift: float = 0.0
) -> ArmValue:
    """The rates of users who come back: each look adds two actions of a tenth of the users, and no users."""
    appetite = rng.beta(1.0, 9.0, (runs, users)) * (1 + lift)
    clicks, impressions = np.zeros((runs, users)), np.ones((runs, users))
    values = []
    for _ in range(looks):
        active = 2.0 * (rng.random((runs, users)) < 0.1)
        impressions += active
        clicks += rng.binomial(active.astype(np.int64), appetite)
        values.append(arm_value(ratio_sums(clicks, impressions)))
    return ArmValue(*(np.stack(each, axis=-1) for each in zip(*values, strict=True)))
