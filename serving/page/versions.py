"""Versions of the model: their manifests, and what two of them recommend to one user."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence

from pydantic import BaseModel

from contracts.stored.manifest import Manifest, ManifestError
from serving.http.problems import ProblemError
from serving.memory.catalogue import Catalogue
from serving.redis.model_cache import Model
from serving.redis.reads.model import batch_list, newest_audit_lines, read_manifest, version_names
from serving.redis.store import Store

SHOWN = 10
SHOWN_DECISIONS = 20
_KEPT_MODELS = 2


class ComparedItem(BaseModel):
    """An item of one version's list."""

    item_id: str
    title: str | None
    rank: int
    rank_in_other: int | None  # null: not in the other version's list


class VersionList(BaseModel):
    """A user's list as a version's round made it; empty for a user whom the version does not know."""

    version: str
    items: list[ComparedItem]


class Compared(BaseModel):
    """Two lists."""

    user_id: str
    lists: tuple[VersionList, VersionList]


class Versions:
    """Reads lists of versions that need not be served; keeps the item ids of the last two."""

    def __init__(self, store: Store, catalogue: Catalogue) -> None:
        self._store = store
        self._catalogue = catalogue
        self._models: OrderedDict[str, Model] = OrderedDict()
        self._loading = asyncio.Lock()

    async def names(self) -> list[str]:
        """The versions that Redis holds, the newest first. Raises StoreError."""
        return await version_names(self._store)

    async def manifest(self, version: str) -> Manifest:
        """The manifest of a version. Raises ProblemError 404 or 500, StoreError."""
        try:
            found = await read_manifest(self._store, version)
        except ManifestError as error:
            raise ProblemError(500, str(error)) from error
        if found is None:
            raise ProblemError(404, f"Redis holds no version {version!r}")
        return found

    async def decisions(self) -> list[dict[str, str]]:
        """The newest lines of audit about the served version, newest first. Raises StoreError."""
        return [line.to_dict() for line in await newest_audit_lines(self._store, SHOWN_DECISIONS)]

    async def compare(self, user_id: str, left: str, right: str) -> Compared:
        """The first items of both versions' lists. ProblemError 404 for an unknown version, StoreError."""
        held = await self.names()
        for version in (left, right):
            if version not in held:
                raise ProblemError(
                    404, f"Redis holds no version {version!r}; it holds {', '.join(held) or 'none'}"
                )
        lists = [await self._list(version, user_id) for version in (left, right)]
        await self._catalogue.load(item_id for each in lists for item_id in each[:SHOWN])
        first, second = lists
        return Compared(
            user_id=user_id,
            lists=(self._version_list(left, first, second), self._version_list(right, second, first)),
        )

    async def _list(self, version: str, user_id: str) -> list[str]:
        async with self._loading:
            model = self._models.get(version) or await self._store.load_model(version)
            self._models[version] = model
            self._models.move_to_end(version)
            while len(self._models) > _KEPT_MODELS:
                self._models.popitem(last=False)
        return [item_id for item_id, _ in (await batch_list(self._store, model, user_id))[:]]

    def _version_list(self, version: str, items: Sequence[str], other: Sequence[str]) -> VersionList:
        ranks = {item_id: rank for rank, item_id in enumerate(other, 1)}
        return VersionList(
            version=version,
            items=[
                ComparedItem(
                    item_id=item_id,
                    title=self._catalogue.get(item_id).title,
                    rank=rank,
                    rank_in_other=ranks.get(item_id),
                )
                for rank, item_id in enumerate(items[:SHOWN], 1)
            ],
        )
