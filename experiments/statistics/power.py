"""How many units a lift needs to be found, and how long until there are as many."""

from __future__ import annotations

import math
from typing import NamedTuple

from statsmodels.stats.power import NormalIndPower

from experiments.statistics.comparison import POWER


class Plan(NamedTuple):
    """What the minimum effect needs. Units are those of each arm."""

    needed_units: int | None  # None: the control has no value yet
    power_now: float | None  # of the fixed-horizon test with the units that are here
    days_left: float | None  # at the pace so far; 0 once there are enough, None: nobody comes


def plan(
    value: float, deviation: float, units: int, per_day: float, minimum_effect: float, alpha: float = 0.05
) -> Plan:
    """The plan for a control of this value and standard deviation a unit, and arms of ``units`` units.

    ``per_day`` is how many new units an arm gets in a day.
    """
    if not (value > 0 and deviation > 0 and math.isfinite(deviation)):
        return Plan(None, None, None)
    size = minimum_effect * value / deviation
    solver = NormalIndPower()
    needed = math.ceil(float(solver.solve_power(effect_size=size, alpha=alpha, power=POWER, ratio=1.0)))
    power = float(solver.power(effect_size=size, nobs1=units, alpha=alpha)) if units > 1 else 0.0
    if units >= needed:
        return Plan(needed, power, 0.0)
    return Plan(needed, power, (needed - units) / per_day if per_day > 0 else None)
