"""`python -m release typescript`: the types of the TypeScript client, from the OpenAPI document (needs npm).

The versions are those of typescript/package-lock.json. The example is compiled with the new types.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from pathlib import Path

from contracts.settings import ServingSettings
from release.steps import ROOT, run, say
from serving.app import create_app

FOLDER = ROOT / "typescript"
TYPES = FOLDER / "schema.d.ts"
CONTRACT = ROOT / "tests" / "serving" / "http" / "contract.json"
_NEEDED = ("package.json", "package-lock.json", "tsconfig.json", "index.js", "index.d.ts", "example.ts")


def digest_of_contract() -> str:
    """What the types say of the contract that they were made from."""
    return hashlib.sha256(CONTRACT.read_bytes()).hexdigest()


def main() -> None:
    """Write typescript/schema.d.ts anew. Raises ReleaseError."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for needed in _NEEDED:
            shutil.copy(FOLDER / needed, folder)
        (folder / "openapi.json").write_text(json.dumps(create_app(ServingSettings()).openapi()))
        run(["npm", "ci", "--silent"], "the generator of types was not installed", folder)
        generator = folder / "node_modules" / ".bin"
        run(
            [generator / "openapi-typescript", "openapi.json", "--output", "schema.d.ts"],
            "no types were made",
            folder,
        )
        run([generator / "tsc", "--project", "."], "the example does not fit the types", folder)
        made = (folder / "schema.d.ts").read_text(encoding="utf-8")
    TYPES.write_text(f"// Of contract.json with SHA-256 {digest_of_contract()}\n{made}", encoding="utf-8")
    say(f"{TYPES.relative_to(ROOT)} is made from {CONTRACT.relative_to(ROOT)}")
