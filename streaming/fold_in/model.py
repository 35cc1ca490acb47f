"""The served model as a worker of the online query holds it: factors memory-mapped, once per version."""

from __future__ import annotations

import logging
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from algorithms.fold_in import gramian
from contracts.stored import keyspace
from contracts.stored.manifest import Manifest, ManifestError
from contracts.stored.records import USER_GRAMIAN, decode_ids
from streaming.fold_in.histories import StrengthTable
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
    fitted: NDArray[np.bool_]  # items with a factor other than zero: only they are recommended
    strengths: StrengthTable
    alpha: float
    reg_param: float
    nonnegative: bool


class OnlineModels:
    """The model that the pointer names; one per worker process."""

    def __init__(self) -> None:
        self._model: OnlineModel | None = None

    def of(self, client: StateClient, version: str | None) -> OnlineModel | None:
        """The version's model; None where there is none, or none that can be folded into."""
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
        text, ids, users = pipeline.execute()
    if not (text and ids and users):
        return None
    try:
        parameters = Manifest.from_json(text, version).parameters
    except ManifestError as error:  # lists stay as they are until a model can be read again
        log.warning("%s", error)
        return None
    rank = parameters.als_rank
    items = decode_ids(ids)
    # Named by the fit, too: another Redis may hold another model under the same version.
    factors = _map_factors(client, version, f"{version}-{crc32(users):08x}", (len(items), rank))
    return OnlineModel(
        version=version,
        index={item.encode(): place for place, item in enumerate(items)},
        factors=factors,
        gramian=gramian(factors),
        user_gramian=np.frombuffer(users, "<f8").reshape(rank, rank),
        fitted=np.abs(factors).max(axis=1) > 0,
        strengths=StrengthTable.of(parameters.event_weights, parameters.strength_by_rating()),
        alpha=parameters.als_alpha,
        reg_param=parameters.als_reg_param,
        nonnegative=parameters.als_nonnegative,
    )


def _map_factors(client: StateClient, version: str, name: str, shape: tuple[int, int]) -> NDArray[np.float32]:
    """The factors as a file of this machine that all workers map: they share its memory."""
    path, (items, rank) = _folder() / f"{name}.f32", shape
    if not path.exists() or path.stat().st_size != 4 * items * rank:
        written = path.with_suffix(f".{os.getpid()}")
        with written.open("wb") as file:
            for part in range(-(-items // keyspace.ITEMS_PER_PART)):
                raw = cast("bytes | None", client.hget(keyspace.model_factors(version), str(part)))
                file.write(raw or b"")
        written.replace(path)
        _forget_others(path)
    return np.memmap(path, "<f4", "r", shape=shape)


def _folder() -> Path:
    folder = Path(tempfile.gettempdir()) / f"headwater-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _forget_others(path: Path) -> None:
    """Delete the files of other versions; who has one mapped keeps it."""
    for other in path.parent.glob("*.f32"):
        if other != path:
            other.unlink(missing_ok=True)
