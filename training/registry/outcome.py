"""How a training round can end, and the errors that say what to do."""

from __future__ import annotations

from contracts.stored.manifest import Manifest, ManifestError, NewerManifestError


class TrainingError(RuntimeError):
    """A round failed; the message names the cure. The old model stays served."""


class DamagedModelError(TrainingError):
    """A version's files or its manifest differ from what was written."""


def parse_manifest(text: str | bytes, version: str) -> Manifest:
    """Read a manifest.

    Raises DamagedModelError where it cannot be read, TrainingError where a newer Headwater wrote it.
    """
    try:
        return Manifest.from_json(text, version)
    except NewerManifestError as error:
        raise TrainingError(str(error)) from error
    except ManifestError as error:
        raise DamagedModelError(str(error)) from error
