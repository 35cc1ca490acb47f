"""The arms of an experiment as choices with known probabilities: the input of a replay of whole lists.

Each unit was put into its arm with the arm's share, whatever it likes. So what it did there says what another
rule would earn that gives arms to users by their taste.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from contracts.experiments.record import Experiment
from experiments.observations.draws import Draws
from experiments.observations.ids import codes
from experiments.observations.units import Observations


def choices_of(experiment: Experiment, observations: Observations) -> Draws:
    """One choice for each unit with a user, the "items" being arms; its earnings are its clicks.

    Once an arm is stopped, new units are no longer split by the weights: only those before count.
    """
    weights = np.array([arm.weight for arm in experiment.definition.arms])
    there = np.flatnonzero(weights)  # nobody was put into an arm without a weight
    stopped = min((each.at for each in experiment.stopped_arms), default=observations.until_ms)
    named = np.asarray(pc.is_valid(observations.user_ids).to_numpy(zero_copy_only=False), dtype=bool)
    kept = named & (observations.first <= stopped)
    users = observations.user_ids.filter(pa.array(kept))
    user_ids = pc.unique(users)
    arm = observations.arm[kept]
    return Draws(
        user_ids=user_ids,
        item_ids=pa.array([experiment.definition.arms[place].name for place in there], pa.string()),
        user=codes(users, user_ids),
        item=np.searchsorted(there, arm),
        propensity=weights[arm] / weights.sum(),
        clicked=observations.counts["clicks"].by_unit(len(observations.unit_ids))[kept],
    )
