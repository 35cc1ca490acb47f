"""A chosen blend with its signals fitted on everything, in the form in which it is published and served."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from algorithms.blending.serialization import ServedBlend, describe_signals, read_blend
from algorithms.blending.stored_arrays import encode_arrays
from algorithms.blending.weights import Candidate
from algorithms.signals.factors import Factors
from training.evaluation.chosen_blend import ChosenBlend
from training.rounds.round_data import StoredBlend


@dataclass(frozen=True)
class FittedBlend:
    """``served`` ranks by the values as they are stored, so that batch lists agree with fresh lists."""

    stored: StoredBlend
    served: ServedBlend

    def table(self) -> pa.Table:
        """The arrays as a table, as they are stored in the version's folder."""
        fields = self.stored.fields
        return pa.table(
            {
                "field": pa.array(fields.keys(), pa.string()),
                "content": pa.array(fields.values(), pa.binary()),
            }
        )


def fitted_blend(chosen: ChosenBlend, offered: Sequence[Candidate], factors: Factors) -> FittedBlend:
    """Make it from the blend's fitted signals. Raises KeyError where one is missing."""
    candidates = {each.name: each for each in offered}
    signals, arrays = describe_signals(candidates[name] for name in chosen.blend.names)
    record = chosen.record(signals)
    stored = StoredBlend(record, encode_arrays(arrays))
    return FittedBlend(stored, read_blend(record, arrays, factors))
