"""The served model in a worker of the online query. Its factors are memory-mapped, once per version."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cached_property
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from algorithms.blending.serialization import ServedBlend, read_blend
from algorithms.content.placement import Placement
from algorithms.fold_in import gramian
from algorithms.neighbours.product_scan import FactorLists
from algorithms.signals.factors import Factors
from contracts.stored import keyspace
from contracts.stored.manifest import BlendRecord, Manifest, ManifestError
from contracts.stored.records import USER_GRAMIAN, decode_ids
from streaming.fold_in.histories import StrengthTable
from streaming.fold_in.mapped_files import map_factors, map_signals
from streaming.state.client import StateClient

log = logging.getLogger("headwater.streaming")


@dataclass(frozen=True)
class OnlineModel:
    """One version: its items by index, their factors (items, rank), and how it weighs interactions."""

    version: str
    index: dict[bytes, int]
    factors: NDArray[np.float32]
    gramian: NDArray[np.float64]
    user_gramian: NDArray[np.float64]
    strengths: StrengthTable
    alpha: float
    reg_param: float
    nonnegative: bool
    blend: ServedBlend | None  # the blend that ranks; None: the factors rank alone
    content: Placement | None = None  # places new items by what the catalogue says; None: it says nothing

    @cached_property
    def lists(self) -> FactorLists:
        """Makes lists by the factors alone."""
        return FactorLists(np.asarray(self.factors))


class OnlineModels:
    """The model that the pointer names; one per worker process."""

    def __init__(self) -> None:
        self._model: OnlineModel | None = None

    def of(self, client: StateClient, version: str | None) -> OnlineModel | None:
        """The version's model; None if there is none, or if users cannot be folded in to it."""
        if version is None:
            return None
        if self._model is None or self._model.version != version:
            self._model = load(client, version)
        return self._model


def load(client: StateClient, version: str) -> OnlineModel | None:
    """Read a version from Redis.

    None where it was published without factors, has been pruned, or has a manifest that cannot be read.
    """
    with client.pipeline(transaction=False) as pipeline:
        pipeline.get(keyspace.manifest(version))
        pipeline.get(keyspace.model_items(version))
        pipeline.hget(keyspace.model_factors(version), USER_GRAMIAN)
        pipeline.get(keyspace.model_content(version))
        text, ids, users, content = pipeline.execute()
    if not (text and ids and users):
        return None
    try:
        manifest = Manifest.from_json(text, version)
    except ManifestError as error:  # lists do not change until a model can be read again
        log.warning("%s", error)
        return None
    parameters, items = manifest.parameters, decode_ids(ids)
    # The name includes the fit, because another Redis may hold another model under the same version.
    rank, name = parameters.als_rank, f"{version}-{crc32(users):08x}"
    factors = map_factors(client, version, name, (len(items), rank))
    shared = gramian(factors)
    signal = Factors(
        item_factors=np.asarray(factors),
        reg_param=parameters.als_reg_param,
        alpha=parameters.als_alpha,
        nonnegative=parameters.als_nonnegative,
        given_gramian=shared,
    )
    return OnlineModel(
        version=version,
        index={item.encode(): place for place, item in enumerate(items)},
        factors=factors,
        gramian=shared,
        user_gramian=np.frombuffer(users, "<f8").reshape(rank, rank),
        strengths=StrengthTable.of(parameters.event_weights, parameters.strength_by_rating()),
        alpha=parameters.als_alpha,
        reg_param=parameters.als_reg_param,
        nonnegative=parameters.als_nonnegative,
        blend=_read_blend(client, version, name, manifest.blend, signal),
        content=_read_content(version, content, rank),
    )


def _read_content(version: str, raw: bytes | None, rank: int) -> Placement | None:
    try:
        return Placement.decode(raw, rank) if raw else None
    except ValueError as error:
        log.warning("model %s places no new items by their content: %s", version, error)
        return None


def _read_blend(
    client: StateClient, version: str, name: str, record: BlendRecord | None, factors: Factors
) -> ServedBlend | None:
    """The version's blend; None if it has none or it cannot be read, which is logged once per process."""
    if record is None:
        return None
    try:
        arrays = map_signals(client, version, name, record, len(factors.item_factors))
        return read_blend(record, arrays, factors)
    except (KeyError, ValueError) as error:
        log.warning("fresh lists of model %s go by its factors alone: %s", version, error)
        return None
