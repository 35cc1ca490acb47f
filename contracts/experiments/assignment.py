"""Who is in which arm: a pure function of the experiment and the unit, the same in every process.

The hash of the unit, salted with the experiment and its run, gives two numbers. One decides whether the unit
takes part, the other which arm it is in, so that a larger audience moves nobody to another arm. Experiments
have different salts, so they are independent of one another.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from hashlib import blake2b
from itertools import accumulate
from typing import NamedTuple

from contracts.experiments.definition import Arm
from contracts.experiments.record import Experiment

_RANGE = float(1 << 64)


TESTER = "!"
_BETWEEN = ","


class Assignment(NamedTuple):
    """A unit's arm. A tester is put there by the definition and does not count."""

    run: str  # the experiment's name and the number of its run, as "diverse-lists/1"
    arm: Arm
    tester: bool = False

    @property
    def text(self) -> str:
        """The text in answers and exposures: "diverse-lists/1:variety", with "!" at the end for a tester."""
        return f"{self.run}:{self.arm.name}{TESTER if self.tester else ''}"


def arms_text(assignments: Iterable[Assignment]) -> str:
    """All assignments of one answer; "" for none. At most contracts.exposures.MAX_ARM_LENGTH characters."""
    return _BETWEEN.join(assignment.text for assignment in assignments)


def arms_of(text: str) -> dict[str, str]:
    """The reverse of `arms_text`: run -> arm. Testers, and text that is not an assignment, are left out."""
    pairs = (each.rpartition(":") for each in text.split(_BETWEEN))
    return {run: arm for run, colon, arm in pairs if colon and not arm.endswith(TESTER)}


class Arms:
    """The arms of one running experiment, prepared so that assigning a unit takes one hash."""

    def __init__(self, experiment: Experiment) -> None:
        definition = experiment.definition
        self.experiment = experiment
        self._salt = experiment.salt.encode() + b"\0"
        self._share = definition.audience.share
        self._arms = definition.arms
        self._by_name = {arm.name: arm for arm in definition.arms}
        self._stopped = frozenset(each.arm for each in experiment.stopped_arms)
        total = sum(arm.weight for arm in definition.arms)
        self._ends = list(accumulate(arm.weight / total for arm in definition.arms))

    def assign(self, unit_id: str) -> Assignment | None:
        """The unit's arm; None for a unit outside the audience, or whose arm was stopped."""
        definition = self.experiment.definition
        forced = definition.testers.get(unit_id)
        if forced is not None:
            return Assignment(self.experiment.salt, self._by_name[forced], tester=True)
        takes_part, place = unit_hash(self._salt, unit_id)
        if takes_part >= self._share:
            return None
        arm = self._arms[self._index_at(place)]
        return None if arm.name in self._stopped else Assignment(self.experiment.salt, arm)

    def _index_at(self, place: float) -> int:
        # Rounding may leave the last sum a little below one; arms of weight 0 at the end must get nobody.
        index = bisect_right(self._ends, place)
        while index >= len(self._arms) or not self._arms[index].weight:
            index -= 1
        return index


def unit_hash(salt: bytes, unit_id: str) -> tuple[float, float]:
    """Two independent numbers in [0, 1) that depend on nothing but the arguments."""
    digest = blake2b(salt + unit_id.encode(errors="surrogatepass"), digest_size=16).digest()
    return (
        int.from_bytes(digest[:8], "big") / _RANGE,
        int.from_bytes(digest[8:], "big") / _RANGE,
    )
