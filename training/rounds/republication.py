"""Writes a version to Redis again from its folder and the lake that it learnt from: nothing is fitted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession

from algorithms.blending.serialization import read_blend
from algorithms.blending.stored_arrays import decode_arrays
from contracts.settings import TrainingSettings
from contracts.stored.manifest import Manifest
from training.fit.als import ranking
from training.fit.factors import Matrix, dense
from training.in_memory.als import FittedFactors
from training.in_memory.load import RoundArrays
from training.in_memory.signals import as_signal
from training.lists.content import write_content
from training.registry import model_folder
from training.registry.outcome import TrainingError
from training.registry.publish import Publisher
from training.registry.registry import Registry
from training.rounds.erasure import ErasureProgress, leave_out_erased
from training.rounds.fitted_blend import FittedBlend
from training.rounds.in_process import ProcessData, ProcessModel
from training.rounds.inputs import read_data
from training.rounds.parameters import recorded_parameters
from training.rounds.round_data import StoredBlend

_REASON = "from its folder"
_ALL_ERASED = ErasureProgress({}, complete=False, at=0)


def republish(spark: SparkSession, settings: TrainingSettings, version: str) -> str | None:
    """Write a version and serve it; returns the version that was served before.

    Raises TrainingError where the folder, the lake or the settings are not those of the version any more.
    """
    # The version was trained, so its data were enough, whatever the setting is now.
    settings = settings.model_copy(update={"train_min_events": 1})
    publisher = Publisher.of(settings)
    folder = _Folder(spark, settings, version)
    manifest = folder.manifest()
    _check_settings(settings, manifest)
    model = folder.model(manifest)
    was_known, before = version in publisher.versions(), publisher.current_version()
    publisher.begin(version)
    item_ids = model.data.item_ids.to_pylist()
    try:
        publisher.write_items(version, item_ids)
        publisher.write_factors(version, model.items, model.user_gramian())
        model.write_lists(publisher, version, settings, None)
        if model.blend is not None:
            publisher.write_signals(version, model.blend.fields)
        write_content(publisher, version, item_ids, model.items, model.placed_scorer(settings))
        if model.rating_items is not None:
            publisher.write_rating_factors(version, model.rating_items)
        # That version of the lake may hold users who have asked to be forgotten since then.
        leave_out_erased(publisher, version, _ALL_ERASED)
        publisher.write_manifest(manifest)
        if before == version:
            publisher.record("republish", version, version, _REASON)
            return before
        return Registry(publisher, settings.models_uri).promote(version, "republish", _REASON)
    except BaseException:
        if not was_known:
            publisher.delete(version)
        raise


def _check_settings(settings: TrainingSettings, manifest: Manifest) -> None:
    present = recorded_parameters(settings).model_dump(mode="json")
    recorded = manifest.parameters.model_dump(mode="json")
    changed = sorted(name.upper() for name in present if present[name] != recorded.get(name))
    if changed:
        raise TrainingError(
            f"{manifest.version} was trained with another {', '.join(changed)}: set the values that "
            f"`headwater models show {manifest.version}` prints, or train again"
        )


@dataclass(frozen=True)
class _Folder:
    spark: SparkSession
    settings: TrainingSettings
    version: str

    def manifest(self) -> Manifest:
        uri = self.settings.models_uri
        try:
            found = model_folder.read_manifest(self.spark, uri, self.version)
        except FileNotFoundError as error:
            raise TrainingError(
                f"No finished version {self.version!r} in {uri}: `headwater restore FILE` brings one back "
                "from a backup, `headwater train --once` makes a new one"
            ) from error
        model_folder.check(self.spark, uri, self.version, found)
        return found

    def model(self, manifest: Manifest) -> ProcessModel:
        users, items = self._ids("user"), self._ids("item")
        data = self._data(manifest, users, items)
        order = pc.index_in(data.user_ids, value_set=users).to_numpy()
        parameters = manifest.parameters

        def read(name: str, size: int, rank: int) -> Matrix | None:
            table = self._table(name)
            return None if table is None else dense(table, size, rank)

        def factors(prefix: str, rank: int) -> FittedFactors | None:
            of_users = read(f"{prefix}user_factors", len(users), rank)
            of_items = read(f"{prefix}item_factors", len(items), rank)
            if of_users is None or of_items is None:
                return None
            return FittedFactors(users=np.ascontiguousarray(of_users[order]), items=of_items)

        ranked = factors("", parameters.als_rank)
        if ranked is None:
            raise TrainingError(f"The folder of {self.version} has no factors: restore it from a backup")
        rated = factors("rating_", parameters.explicit_rank)
        return ProcessModel(self.spark, data, ranked, rated, self._blend(manifest, ranked.items))

    def _data(self, manifest: Manifest, users: pa.Array, items: pa.Array) -> RoundArrays:
        """The lake's version that the model learnt from. Raises TrainingError where it holds other ids."""
        too_late = (
            f"The lake no longer has the events that {self.version} learnt from (its version "
            f"{manifest.lake_version}): `headwater restore FILE` brings it back from a backup, or train again"
        )
        try:
            data = read_data(self.spark, self.settings, manifest.lake_version, items.to_pylist())
        except AnalysisException as error:
            raise TrainingError(too_late) from error
        if data is not None and not isinstance(data, ProcessData):
            raise TrainingError("Publishing again needs the lake's events within TRAIN_MEMORY: raise it")
        if data is None or not (data.data.item_ids.equals(items) and _same(data.data.user_ids, users)):
            raise TrainingError(too_late)
        return data.data

    def _blend(self, manifest: Manifest, items: Matrix) -> FittedBlend | None:
        if manifest.blend is None:
            return None
        table = self._table(model_folder.SIGNALS)
        if table is None:
            raise TrainingError(f"The folder of {self.version} has no signals: restore it from a backup")
        fields = dict(zip(table["field"].to_pylist(), table["content"].to_pylist(), strict=True))
        arrays = decode_arrays(manifest.blend, fields, len(items))
        served = read_blend(manifest.blend, arrays, as_signal(items, ranking(self.settings)))
        return FittedBlend(StoredBlend(manifest.blend, fields), served)

    def _ids(self, side: str) -> pa.Array:
        table = self._table(f"{side}s")
        if table is None:
            raise TrainingError(f"The folder of {self.version} has no {side}s: restore it from a backup")
        return table.sort_by(f"{side}_index")[f"{side}_id"].combine_chunks()

    def _table(self, name: str) -> pa.Table | None:
        return model_folder.read_table(self.spark, self.settings.models_uri, self.version, name)


def _same(ids: pa.Array, others: pa.Array) -> bool:
    return len(ids) == len(others) and not pc.index_in(ids, value_set=others).null_count
