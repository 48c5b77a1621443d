from __future__ import annotations

import os
from pathlib import Path

import pytest

from amc.cli.out_folder import check_out_folder
from amc.errors import UserError


def test_a_folder_that_can_be_made_is_not_made(tmp_path: Path) -> None:
    check_out_folder(tmp_path)
    check_out_folder(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "says"), [("file", "is no folder"), ("file/below", "file is no folder")])
def test_a_file_in_the_way_is_named(name: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=says):
        check_out_folder(tmp_path / name)


def test_a_folder_without_permission_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # as root may write anywhere
    with pytest.raises(UserError, match=f"no permission for {tmp_path}"):
        check_out_folder(tmp_path / "new")
