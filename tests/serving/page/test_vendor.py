from __future__ import annotations

import pytest

from serving.page.vendor import FILES, FOLDER, ChangedFileError, VendoredFile, check_content


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_each_vendored_file_has_the_checksum_that_was_reviewed(file: VendoredFile) -> None:
    assert check_content(file, (FOLDER / file.name).read_bytes())


def test_there_are_no_other_vendored_files_and_each_package_has_its_licence() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {file.name for file in FILES}
    licensed = {file.package for file in FILES if file.name.startswith("LICENSE")}
    assert licensed == {file.package for file in FILES}


def test_a_changed_file_is_refused_with_the_checksum() -> None:
    with pytest.raises(ChangedFileError, match="read what changed"):
        check_content(FILES[0], b"something else")
