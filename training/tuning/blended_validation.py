"""What a point of the search is worth where a blend ranks: the NDCG of the blend that a round would choose.

In each trial weights, half-lives, kinds of signals and known items are chosen as in each full round, with
factors of the trial's parameters among the signals. The choice sees only what the gate's fits may learn from.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from pyspark.sql import SparkSession

from contracts.settings import TuneSettings
from training.data import dataset
from training.evaluation.chosen_blend import ChosenBlend
from training.fit.als import ranking
from training.in_memory.events import BYTES_AN_EVENT
from training.in_memory.load import RoundArrays, load_arrays
from training.in_memory.signals import PastSignals
from training.in_memory.slice import marked_rows
from training.in_memory.split import past_of
from training.in_memory.stored_events import unread_events

log = logging.getLogger("headwater.training")
Read = Callable[[TuneSettings], RoundArrays | None]


@dataclass
class BlendedValidation:
    """The pasts that blends are chosen on, one for each mapping of ratings; ``read`` gives the whole data."""

    read: Read
    pasts: dict[int, RoundArrays | None] = field(default_factory=dict)

    def choose(self, settings: TuneSettings, mapping: int) -> ChosenBlend | None:
        """The blend of a round with these settings; None without data. ``mapping`` names its strengths."""
        if mapping not in self.pasts:
            data = self.read(settings)
            self.pasts[mapping] = None if data is None else _gates_past(data, settings)
        past = self.pasts[mapping]
        if past is None:
            return None
        left = settings.train_memory - past.counts.interactions * BYTES_AN_EVENT
        return PastSignals(past, settings, left).choose(ranking(settings), settings.seed)


def blended_validation(spark: SparkSession, settings: TuneSettings) -> BlendedValidation | None:
    """None where a round would not choose a blend: then the factors rank, or there are too few users."""
    if settings.ranking != "blend":
        return None
    validation = BlendedValidation(lambda each: _read(spark, each))
    chosen = validation.choose(settings, 0)
    if chosen is not None and quality_of(chosen) is not None:
        return validation
    log.info("no blend can be chosen on this lake, so trials are judged by the factors alone")
    return None


def quality_of(chosen: ChosenBlend) -> float | None:
    """NDCG of a chosen blend on the questions that chose it; the mean of both horizons, if both have any."""
    measured = [each.ndcg[0] for each in (chosen.hot_choice, chosen.cold_choice) if each.ndcg is not None]
    return sum(measured) / len(measured) if measured else None


def _read(spark: SparkSession, settings: TuneSettings) -> RoundArrays | None:
    """The newest version of the lake, where its events fit TRAIN_MEMORY, as in a round."""
    version = dataset.newest_version(spark, settings.lake_uri)
    if version is None:
        return None
    unread = unread_events(spark, settings.lake_uri, version)
    count = unread.count()
    if count * BYTES_AN_EVENT > settings.train_memory:
        return None
    return load_arrays(unread.read(), count, settings, version)


def _gates_past(data: RoundArrays, settings: TuneSettings) -> RoundArrays:
    return past_of(data, marked_rows(data, settings, None)[0])
