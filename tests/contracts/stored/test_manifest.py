from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from contracts.stored.manifest import FORMAT, EvaluationRecord, Manifest, ManifestError, NewerManifestError
from tests.manifests import a_manifest

# Written by a demo run of the last commit whose manifests had no format number.
FORMAT_0 = (Path(__file__).parent / "golden" / "manifest_format_0.json").read_text()


def test_a_manifest_without_a_format_number_is_read_without_loss() -> None:
    manifest = Manifest.from_json(FORMAT_0)
    assert json.loads(manifest.to_json()) == json.loads(FORMAT_0) | {"format": FORMAT}
    assert (manifest.version, manifest.previous) == ("20261128T121153-374f", "20261128T121122-2ca4")
    assert (manifest.parameters.als_rank, manifest.parameters.explicit_rank) == (16, 5)
    assert manifest.parameters.strength_by_rating() == {0.0: -0.5, 3.0: 0.0, 4.0: 1.0, 5.0: 2.0}
    assert manifest.fit is not None
    assert (manifest.fit.warm, manifest.fit.full_interactions) == (True, 7500)
    assert manifest.leads == "model"
    assert manifest.sizes is not None
    assert manifest.sizes.lists == 100
    assert manifest.evaluation is not None
    assert manifest.evaluation.figures is not None
    assert manifest.evaluation.figures["model"]["ndcg@10"][0] == 0.24682
    assert manifest.history[-1].version == manifest.version


def test_a_written_manifest_is_read_and_written_back_unchanged() -> None:
    manifest = Manifest.from_json(FORMAT_0)
    again = Manifest.from_json(manifest.to_json())
    assert again == manifest
    assert again.to_json() == manifest.to_json()


def test_a_part_that_was_never_set_is_not_written() -> None:
    written = a_manifest("v1").to_dict()
    assert {"lists", "sizes", "checksums", "gate"}.isdisjoint(written)
    assert written["previous"] is None
    assert Manifest.from_json(json.dumps(written)).leads == "model"


def test_a_date_in_seconds_is_read_as_a_text() -> None:
    old = json.loads(FORMAT_0) | {"created_at": 60}
    assert Manifest.from_json(json.dumps(old)).created_at == "1970-01-01T00:01:00+00:00"


@pytest.mark.parametrize(
    ("created_at", "seconds"),
    [("1970-01-01T00:01:00Z", 60.0), ("1970-01-01T00:01:00+00:00", 60.0), ("soon", None)],
)
def test_the_age_is_read_from_a_date_in_any_form(created_at: str, seconds: float | None) -> None:
    assert a_manifest("v1", created_at=created_at).created_seconds == seconds


def test_unknown_fields_of_the_same_format_survive() -> None:
    fields: dict[str, Any] = a_manifest("v1").to_dict() | {"weights": {"als": 0.5}}
    fields["counts"] |= {"segments": 3}
    written = json.loads(Manifest.from_json(json.dumps(fields)).to_json())
    assert written["weights"] == {"als": 0.5}
    assert written["counts"]["segments"] == 3


def test_a_later_format_is_refused_with_the_cure() -> None:
    text = json.dumps(a_manifest("v1").to_dict() | {"format": FORMAT + 1})
    with pytest.raises(NewerManifestError, match=f"of v1 has format {FORMAT + 1}.* update this one"):
        Manifest.from_json(text, "v1")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "it is not JSON"),
        ("[]", "it is not a JSON object"),
        ('{"format": "x"}', "format is 'x'"),
        ('{"format": -1}', "format is -1"),
        ("{}", "version: Field required"),
        (json.dumps(a_manifest().to_dict() | {"counts": {"users": "many"}}), "counts.users"),
        (json.dumps({k: v for k, v in a_manifest().to_dict().items() if k != "parameters"}), "parameters"),
    ],
)
def test_a_damaged_manifest_says_what_is_wrong_and_what_to_do(text: str, why: str) -> None:
    with pytest.raises(ManifestError) as failure:
        Manifest.from_json(text, "v7")
    message = str(failure.value)
    assert not isinstance(failure.value, NewerManifestError)
    assert message.startswith("The manifest of v7 is damaged (")
    assert why in message
    assert "headwater models promote" in message


def test_a_record_does_not_change_and_takes_only_fields_that_it_has() -> None:
    evaluation = EvaluationRecord(split="random", k=10, seed=1)
    assert evaluation.with_parts(cutoff=5).cutoff == 5
    assert evaluation.cutoff is None
    with pytest.raises(TypeError, match="EvaluationRecord has no cutof"):
        evaluation.with_parts(cutof=5)
    with pytest.raises(ValidationError):
        evaluation.k = 3  # type: ignore[misc]
