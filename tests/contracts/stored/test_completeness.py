from __future__ import annotations

import pytest

from contracts.stored.completeness import counted_keys, is_whole, sizes_of
from contracts.stored.manifest import Sizes
from tests.manifests import a_manifest

SIZES = Sizes(lists=5, similar=3, users=2, factors=2, signals=4)


def test_the_sizes_of_a_version_are_the_lengths_of_its_keys() -> None:
    assert len(counted_keys("v1", 2)) == 6
    assert len(set(counted_keys("v1", 2)) | set(counted_keys("v2", 2))) == 12
    assert sizes_of([4, 1, 3, 2, 2, 4], shards=2) == SIZES


@pytest.mark.parametrize(
    "change", [{"lists": 4}, {"similar": 2}, {"users": 1}, {"factors": 1}, {"signals": 0}]
)
def test_a_version_that_lacks_any_part_is_not_whole(change: dict[str, int]) -> None:
    manifest = a_manifest(sizes=SIZES)
    assert is_whole(manifest, SIZES)
    assert not is_whole(manifest, SIZES.with_parts(**change))


def test_a_version_whose_manifest_has_no_sizes_only_needs_lists() -> None:
    assert is_whole(a_manifest(), SIZES)
    assert not is_whole(a_manifest(), SIZES.with_parts(lists=0))
    assert not is_whole(a_manifest(sizes=SIZES.with_parts(lists=0)), SIZES.with_parts(lists=0))


def test_a_version_from_before_the_blend_is_whole_without_signals() -> None:
    stored = {"lists": 5, "similar": 3, "users": 2, "factors": 2}
    manifest = a_manifest(sizes=Sizes.model_validate(stored))
    assert is_whole(manifest, SIZES.with_parts(signals=0))
