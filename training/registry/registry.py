"""Operations on published versions: look at them, serve an earlier one again, delete old ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from contracts.settings import TrainingSettings
from contracts.stored.completeness import is_whole
from contracts.stored.manifest import Manifest
from training.registry import local_models
from training.registry.outcome import TrainingError
from training.registry.publish import Publisher


@dataclass(frozen=True)
class Registry:
    """Versions in Redis, with their folders where those are on this machine."""

    publisher: Publisher
    models_uri: str

    @classmethod
    def of(cls, settings: TrainingSettings) -> Registry:
        """The registry that the settings name."""
        return cls(Publisher.of(settings), settings.models_uri)

    def manifest(self, version: str) -> Manifest:
        """A version's manifest. Raises TrainingError where it is damaged or nowhere to be found."""
        found = self.publisher.manifest_of(version) or local_models.read_manifest(self.models_uri, version)
        if found is None:
            known = ", ".join(self.publisher.versions()) or "none"
            raise TrainingError(f"No version {version!r}: there are {known} (`headwater models list`)")
        return found

    def is_whole(self, version: str) -> bool:
        """Whether Redis holds a version as it was published. Raises as `Publisher.manifest_of`."""
        manifest = self.publisher.manifest_of(version)
        return manifest is not None and is_whole(manifest, self.publisher.sizes(version))

    def promote(self, version: str, action: str = "promote", reason: str = "by hand") -> str | None:
        """Serve a version that Redis holds whole; returns the one served before. Raises TrainingError."""
        manifest, current = self.manifest(version), self.publisher.current_version()
        if version == current:
            raise TrainingError(f"{version} is served already")
        found = self.publisher.sizes(version)
        if not is_whole(manifest, found):
            raise TrainingError(
                f"Redis does not hold all of {version} any more ({found}): it was pruned or flushed. "
                f"`headwater models republish {version}` writes it again from its folder, and "
                "`headwater train --now` makes a new version"
            )
        local_models.check(self.models_uri, version, manifest)
        if not self.publisher.move(version, current, action, reason):
            raise TrainingError(
                "Another version was published meanwhile: look at `headwater models list` again"
            )
        return current

    def rollback(self, reason: str = "by hand") -> tuple[str, str]:
        """Serve the previous version again. Returns (the version before the change, the version served
        now)."""
        current, manifest = self.publisher.current_version(), self.publisher.current_manifest()
        previous = manifest.previous if manifest else None
        if current is None or previous is None:
            raise TrainingError("There is no earlier version to go back to")
        self.promote(previous, "rollback", reason)
        return current, previous

    def prune(self, keep: int, delete_elsewhere: Callable[[str], None]) -> list[str]:
        """Delete all versions except the served one and the ``keep`` - 1 newest others. Returns the deleted
        ones.

        ``delete_elsewhere`` deletes a version's folder where MODELS_URI is not on this machine.
        """
        current = self.publisher.current_version()
        in_use = {current} | self.publisher.experiment_versions()
        others = [version for version in self.publisher.versions() if version not in in_use]
        old = others[: max(0, len(others) - (keep - 1))]
        for version in old:
            # The folder is deleted first, because a version that is gone from Redis is not found again.
            if local_models.local_folder(self.models_uri, version) is None:
                delete_elsewhere(version)
            else:
                local_models.delete(self.models_uri, version)
            self.publisher.delete(version)
            self.publisher.record("prune", current, version, f"keep {keep}")
        return old


def differences(a: Manifest, b: Manifest) -> dict[str, tuple[Any, Any]]:
    """The differences of two versions in parameters, metrics and counts."""
    fields_a, fields_b, found = a.to_dict(), b.to_dict(), {}
    for part in ("parameters", "metrics", "counts", "fit"):
        of_a, of_b = fields_a.get(part, {}), fields_b.get(part, {})
        for name in sorted(of_a.keys() | of_b.keys()):
            if of_a.get(name) != of_b.get(name):
                found[f"{part}.{name}"] = (of_a.get(name), of_b.get(name))
    return found
